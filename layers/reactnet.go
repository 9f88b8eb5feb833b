package layers

import "errors"

// ReActNet is a pair of blocks of ReActNet (Liu et al. 2020, arXiv 2003.03488,
// sections 4.1 and 4.2), in the form of the paper's ResNets:
//
//	x1 = f1(x + norm(conv(q(x)))),  y = f2(x1 + norm(conv(q(x1))))
//
// with RPReLUs f1 and f2. The quantizer q is the paper's RSign if the config names
// the estimator reactnet. x is (N, H, W, C); the shortcut is that of [BiReal], as
// is the paper's other one where the size changes.
type ReActNet struct {
	Name         string
	Conv1, Conv2 *ConvNorm
	Act1, Act2   *RPReLU
}

// Build adds the block to the graph.
func (b *ReActNet) Build(c *Context, x Value) Value {
	y := b.Act1.Build(c, skip(c, b.Conv1, x.Float(c)))
	return Value{float: b.Act2.Build(c, skip(c, b.Conv2, y))}
}

func (*ReActNet) notInteger() []string { return []string{floatStream} }

// Lower implements residualBlock.
func (b *ReActNet) Lower(*lowering, int) (int, error) { return 0, errors.New(floatStream) }

func (b *ReActNet) name() string { return b.Name }

func (b *ReActNet) convs() []*ConvNorm { return []*ConvNorm{b.Conv1, b.Conv2} }

func (b *ReActNet) quantizers() []*Quantizer { return operandsOf(b.Conv1, b.Conv2) }

func (b *ReActNet) activations() []*RPReLU { return []*RPReLU{b.Act1, b.Act2} }
