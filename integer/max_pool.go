package integer

import (
	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// MaxPool is the largest code of each channel in a window; what is outside of the input never wins. Codes stay as they are.
// How many positions the window has is the output's shape: those that fit into the padded input or, with PyTorch's ceil_mode,
// all that start on the input or on the padding before it.
type MaxPool struct {
	Name    string
	In, Out int
	networks.Window
}

// LayerName implements Layer.
func (m *MaxPool) LayerName() string { return m.Name }

// Kind implements Layer.
func (m *MaxPool) Kind() string { return "max_pool" }

// Output implements Layer.
func (m *MaxPool) Output() int { return m.Out }

// Inputs implements Layer.
func (m *MaxPool) Inputs() []int { return []int{m.In} }

// Covering is the window with the padding at its end that the last positions reach over.
func (m *MaxPool) Covering(n *Network) networks.Window { return n.covering(m.In, m.Out, m.Window) }

func (m *MaxPool) check(n *Network) error {
	in, out := n.tensor(m.In), n.tensor(m.Out)
	if err := checkPool(in, out, m.Window); err != nil {
		return err
	}
	return sameCodes(in, out)
}

// Dyadic implements Layer: codes stay as they are.
func (m *MaxPool) Dyadic(*Network) ([]dyadic.Multiplier, error) { return nil, nil }

func (m *MaxPool) prepare(r *Runner, _ []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[m.In], r.net.Tensors[m.Out]
	src, dst := r.codes[m.In], r.codes[m.Out]
	w := &kernels.Window{H: in.H, W: in.W, C: in.C, OutH: out.H, OutW: out.W,
		Kernel: kernels.Size(m.Kernel), Stride: kernels.Size(m.Stride), Top: m.Pad.Top, Left: m.Pad.Left}
	return each(func(s *kernels.Scratch, i int) { kernels.MaxPoolCodes(dst.At(s, i), src.At(s, i), w) })
}
