package integer

import (
	"fmt"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// MaxPool is the largest code of each channel in a window of K x K pixels, every Stride pixels, from Pad pixels outside of
// the input on; what is outside never wins. Codes stay as they are. How many windows there are is the output's shape: those
// that fit into the padded input or, with PyTorch's ceil_mode, all that start on the input or on the padding before it.
type MaxPool struct {
	Name           string
	In, Out        int
	K, Stride, Pad int
}

// LayerName implements Layer.
func (m *MaxPool) LayerName() string { return m.Name }

// Kind implements Layer.
func (m *MaxPool) Kind() string { return "max_pool" }

// Output implements Layer.
func (m *MaxPool) Output() int { return m.Out }

// Inputs implements Layer.
func (m *MaxPool) Inputs() []int { return []int{m.In} }

// PadEnd is by how many pixels the last windows reach beyond an input of (height, width).
func (m *MaxPool) PadEnd(n *Network) (height, width int) {
	in, out := n.Tensors[m.In], n.Tensors[m.Out]
	beyond := func(windows, pixels int) int { return max(0, (windows-1)*m.Stride+m.K-m.Pad-pixels) }
	return beyond(out.H, in.H), beyond(out.W, in.W)
}

// windows counts those of an axis, without and with ceil_mode.
func (m *MaxPool) windows(pixels int) (floor, ceil int) {
	rest := pixels + 2*m.Pad - m.K // of the padded pixels after the first window
	over := (rest%m.Stride + m.Stride) % m.Stride
	floor = (rest-over)/m.Stride + 1
	if ceil = floor; over > 0 && floor*m.Stride < pixels+m.Pad {
		ceil++
	}
	return floor, ceil
}

func (m *MaxPool) check(n *Network) error {
	in, out := n.Tensors[m.In], n.Tensors[m.Out]
	if m.K < 1 || m.K > maxKernel || m.Pad < 0 || m.Pad > m.K/2 || m.Stride < 1 || m.Stride > maxElements {
		return fmt.Errorf("kernel %d, stride %d and padding %d; want a kernel of 1 to %d, a positive stride and at most half of the kernel as padding",
			m.K, m.Stride, m.Pad, maxKernel)
	}
	floorH, ceilH := m.windows(in.H)
	floorW, ceilW := m.windows(in.W)
	if floor, ceil := out.H == floorH && out.W == floorW, out.H == ceilH && out.W == ceilW; !floor && !ceil || out.C != in.C {
		return fmt.Errorf("kernel %d, stride %d and padding %d do not take (%d,%d,%d) to (%d,%d,%d)", m.K, m.Stride, m.Pad, in.H, in.W, in.C, out.H, out.W, out.C)
	}
	return sameCodes(in, out)
}

// Dyadic implements Layer: codes stay as they are.
func (m *MaxPool) Dyadic(*Network) ([]dyadic.Multiplier, error) { return nil, nil }

func (m *MaxPool) prepare(r *Runner, _ []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[m.In], r.net.Tensors[m.Out]
	src, dst := r.codes[m.In], r.codes[m.Out]
	w := &kernels.Window{H: in.H, W: in.W, C: in.C, OutH: out.H, OutW: out.W, K: m.K, Stride: m.Stride, Pad: m.Pad}
	return each(func(s *kernels.Scratch, i int) { kernels.MaxPoolCodes(dst.At(s, i), src.At(s, i), w) })
}
