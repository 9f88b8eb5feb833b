package layers

import (
	"errors"

	G "gorgonia.org/gorgonia"
)

// BiReal is a pair of blocks of Bi-Real Net (Liu et al. 2018, arXiv 1808.00278,
// section 3.1): a shortcut around each convolution, and no ReLU, so that what the
// quantizers q read has both signs and the stream x keeps real values:
//
//	x1 = x + norm(conv(q(x))),  y = x1 + norm(conv(q(x1)))
//
// x is (N, H, W, C). Where its size changes, the shortcut here is the
// parameter-free one of ResNets on CIFAR; the paper has average pooling of 2x2
// pixels and a 1x1 convolution with batch norm, both in floating point.
type BiReal struct {
	Name         string
	Conv1, Conv2 *ConvNorm
}

// Build adds the block to the graph.
func (b *BiReal) Build(c *Context, x Value) Value {
	return Value{float: skip(c, b.Conv2, skip(c, b.Conv1, x.Float(c)))}
}

// skip is x + norm(conv(q(x))).
func skip(c *Context, v *ConvNorm, x *G.Node) *G.Node {
	y := v.Build(c, Value{float: x})
	if v.resizes() {
		x = shortcut(c, v.Name, x, v.Stride, v.Cout)
	}
	return add(c, v.Name, y.Float(c), x)
}

// floatStream is why blocks without ReLU have no integer form.
const floatStream = "its residual stream is in floating point; only model.block basic has an integer form"

func (*BiReal) notInteger() []string { return []string{floatStream} }

// Lower implements residualBlock.
func (b *BiReal) Lower(*lowering, int) (int, error) { return 0, errors.New(floatStream) }

func (b *BiReal) name() string { return b.Name }

func (b *BiReal) convs() []*ConvNorm { return []*ConvNorm{b.Conv1, b.Conv2} }

func (b *BiReal) quantizers() []*Quantizer { return operandsOf(b.Conv1, b.Conv2) }

func (b *BiReal) activations() []*RPReLU { return nil }
