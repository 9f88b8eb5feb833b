package integer

import (
	"fmt"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Shortcut is the parameter-free projection of ResNets on CIFAR (He et al.
// 2015, arXiv 1512.03385, section 4.2, option A): every Stride-th pixel, and
// new channels of real zero, (C_out - C_in)/2 of them, rounded down, before the
// old ones and the rest after. Codes stay as they are.
type Shortcut struct {
	Name    string
	In, Out int
	Stride  int
}

// LayerName implements Layer.
func (s *Shortcut) LayerName() string { return s.Name }

// Kind implements Layer.
func (s *Shortcut) Kind() string { return "shortcut" }

// Output implements Layer.
func (s *Shortcut) Output() int { return s.Out }

// Inputs implements Layer.
func (s *Shortcut) Inputs() []int { return []int{s.In} }

func (s *Shortcut) check(n *Network) error {
	in, out := n.Tensors[s.In], n.Tensors[s.Out]
	if s.Stride < 1 || out.H != (in.H-1)/s.Stride+1 || out.W != (in.W-1)/s.Stride+1 || out.C < in.C {
		return fmt.Errorf("stride %d does not take (%d,%d,%d) to (%d,%d,%d)", s.Stride, in.H, in.W, in.C, out.H, out.W, out.C)
	}
	return sameCodes(in, out)
}

// sameCodes verifies that codes of one tensor mean the same in another.
func sameCodes(in, out Tensor) error {
	if in.Scale != out.Scale || in.ZeroPoint != out.ZeroPoint || in.Bits != out.Bits || in.Signed != out.Signed || in.Narrow != out.Narrow {
		return fmt.Errorf("input and output must have the same bits, sign, scale and zero point")
	}
	return nil
}

// Dyadic implements Layer: codes stay as they are.
func (s *Shortcut) Dyadic(*Network) ([]dyadic.Multiplier, error) { return nil, nil }

func (s *Shortcut) prepare(r *Runner, _ []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[s.In], r.net.Tensors[s.Out]
	src, dst := r.codes[s.In], r.codes[s.Out]
	l := dyadic.NewShortcut(in.W, in.C, out.W, out.C, s.Stride, out.ZeroPoint)
	return each(func(s *kernels.Scratch, i int) { l.Picture(dst.At(s, i), src.At(s, i)) })
}
