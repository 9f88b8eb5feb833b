package integer

import (
	"fmt"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Concat is the channels of A and, behind them, of B. Codes stay as they are: both tensors have the output's scale.
type Concat struct {
	Name      string
	A, B, Out int
}

// LayerName implements Layer.
func (c *Concat) LayerName() string { return c.Name }

// Kind implements Layer.
func (c *Concat) Kind() string { return "concat" }

// Output implements Layer.
func (c *Concat) Output() int { return c.Out }

// Inputs implements Layer.
func (c *Concat) Inputs() []int { return []int{c.A, c.B} }

func (c *Concat) check(n *Network) error {
	a, b, out := n.Tensors[c.A], n.Tensors[c.B], n.Tensors[c.Out]
	if a.H != out.H || a.W != out.W || b.H != out.H || b.W != out.W || a.C+b.C != out.C {
		return fmt.Errorf("(%d,%d,%d) and (%d,%d,%d) do not join to (%d,%d,%d)", a.H, a.W, a.C, b.H, b.W, b.C, out.H, out.W, out.C)
	}
	if err := sameCodes(a, out); err != nil {
		return err
	}
	return sameCodes(b, out)
}

// Dyadic implements Layer: codes stay as they are.
func (c *Concat) Dyadic(*Network) ([]dyadic.Multiplier, error) { return nil, nil }

func (c *Concat) prepare(r *Runner, _ []dyadic.Multiplier) kernels.Loop {
	a, b, dst := r.codes[c.A], r.codes[c.B], r.codes[c.Out]
	before, channels := r.net.Tensors[c.A].C, r.net.Tensors[c.Out].C
	return each(func(s *kernels.Scratch, i int) {
		kernels.ScatterChannels(dst.At(s, i), a.At(s, i), channels, 0, before)
		kernels.ScatterChannels(dst.At(s, i), b.At(s, i), channels, before, channels-before)
	})
}
