package layers

import (
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// convOp is a convolution. If both operands are quantized, it runs on integers.
type convOp struct{ *layer }

func planConv(p *plan, l *layer, in []*step) *step { return p.add(l.Name, convOp{l}, in...) }

// onCodes tells that both operands are codes.
func (o convOp) onCodes(train bool) bool {
	return o.weights != nil && o.weights.integral(train) && o.input != nil && o.input.givesCodes(train)
}

func (o convOp) geometry(v Value) kernels.Conv {
	s, op := v.shape(), o.Op.(networks.Conv)
	return kernels.Conv{N: s[0], H: s[1], W: s[2], Cin: o.in[0].C, Cout: op.Out, K: op.Kernel, Stride: op.Stride, Pad: op.Pad}
}

func (o convOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	g := o.geometry(*v)
	if o.weights == nil {
		return Value{float: conv2d(c, o.Name, g, v.Float(c), c.node(o.weight()))}
	}
	w := o.weights.QuantizeWeights(c, o.weight())
	switch {
	case !o.weights.integral(c.Train):
		return Value{float: conv2d(c, o.Name, g, v.Float(c), w)}
	case !o.onCodes(c.Train):
		return Value{float: conv2d(c, o.Name, g, v.Float(c), dequantizeKernel(c, o.weights, w))}
	}
	return Value{float: conv2dCodes(c, o.Name, g, o.input, o.weights, v.codes, w)}
}

// atOffset lets the quantizer of a convolution's input give codes at an offset from 0, if the convolution can sum them.
func (l *layer) atOffset() {
	if _, ok := l.Op.(networks.Conv); ok && l.input.offsetFor(l.weights) {
		l.input.atOffset = true
	}
}
