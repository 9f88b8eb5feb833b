package layers

import (
	"fmt"

	"github.com/qat-go/qat/networks"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/integer"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// foldedOp is a convolution on codes with its batch norm in evaluation, in floats.
type foldedOp struct {
	convOp
	norm *BatchNorm
}

func (o foldedOp) emit(c *Context, s *step) Value {
	return Value{float: o.norm.foldedConv(c, o.sum(c, s))}
}

// sum is the convolution's integer sum, not computed yet.
func (o foldedOp) sum(c *Context, s *step) *integerSum {
	v := s.in[0].out
	return &integerSum{o.norm, o.Name, o.geometry(v), o.input, o.weights, v.codes, o.weights.QuantizeWeights(c, o.weight())}
}

// foldBatchNorm: in evaluation the batch norm after a convolution on codes is part of its scale and bias.
var foldBatchNorm = rewrite{"fold_batch_norm", "batch_norm(conv(codes)) becomes (sum + bias)*scale, in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(runningNormOp)
	if !ok {
		return false
	}
	before := s.in[0]
	conv, ok := alone[convOp](p, before)
	if !ok || !conv.onCodes(false) || conv.input.atOffset {
		return false
	}
	return p.replace(s, foldedOp{conv, o.norm}, before.in, before)
}}

// foldedQuantizeOp is a convolution with its batch norm, ReLU if relu, and a quantizer, in evaluation.
type foldedQuantizeOp struct {
	foldedOp
	q    *Quantizer
	relu bool
}

func (o foldedQuantizeOp) quantizer() *Quantizer { return o.q }

func (foldedQuantizeOp) givesCodes(*Context, *step) bool { return true }

func (o foldedQuantizeOp) emit(c *Context, s *step) Value { return o.sum(c, s).codes(c, o.q, o.relu) }

// foldedQuantize: in evaluation a convolution's sum becomes a code by one multiplier.
var foldedQuantize = rewrite{"folded_quantize", "quantize((sum + bias)*scale) becomes round((sum + bias)*multiplier), in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !o.q.even() {
		return false
	}
	before, relu := p.beforeReLU(s)
	o.relu = o.relu || relu != nil
	folded, ok := alone[foldedOp](p, before)
	if !ok {
		return false
	}
	return p.replace(s, foldedQuantizeOp{folded, o.q, o.relu}, before.in, append(relu, before)...)
}}

// integerSum is a quantized convolution in evaluation, not computed yet.
type integerSum struct {
	norm   *BatchNorm
	layer  string
	g      kernels.Conv
	qx, qw *Quantizer
	x, w   *G.Node
}

// bounds returns the smallest and the largest code, of max(x, 0) if relu.
func (q *Quantizer) bounds(relu bool) (lo, hi uint8) {
	z, r := 0, q.levelRange()
	if q.centred() {
		z = int(q.zeroPoint())
	} else if r.Signed {
		z = -r.Qn()
	}
	lo, hi = uint8(z+r.Qn()), uint8(z+r.Qp())
	if relu {
		lo = max(lo, q.zeroPoint())
	}
	return lo, hi
}

// centred tells that real zero has the code in the middle of a signed range. LSQ+ may have it elsewhere: as an unsigned
// range has.
func (q *Quantizer) centred() bool { return q.Signed() && int(q.zeroPoint()) == 1<<(q.Bits()-1) }

// codes gives the convolution's output in codes of q:
//
//	code = clamp(roundHalfEven(float32(acc + bias)*float32(scale/s)) + zero_point, lo, hi)
func (i *integerSum) codes(c *Context, q *Quantizer, relu bool) Value {
	var packed *kernels.IntWeights
	multiplier := make([]float32, i.g.Cout)
	y := c.b.Apply(graph.Op{
		Name: "conv2d int8 folded, quantize", Layer: i.layer, Attrs: fmt.Sprint(i.g, q.levelRange(), relu),
		In: []graph.Arg{codes(4), i8(4), f32(1)}, Out: codes(4), Shape: convShape(i.g), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.IntForward{}
			return graph.Loop{Body: l, Before: func() error {
				if err := q.updateActivations(false, k, relu, nil); err != nil {
					return err
				}
				f := i.norm.Fold(i.qx, i.qw)
				for j, s := range f.Scale {
					multiplier[j] = s / k.F32(2)[0]
				}
				packed = kernels.PackIntWeights(packed, i.g, f.Weights(k.I8(1)), i.qx.largest())
				y, z := k.OutCodes(), float32(q.zeroPoint())
				lo, hi := q.bounds(relu)
				l.Weights, l.Codes, l.ZeroPoint, l.Bias = packed, k.Codes(0), i.qx.zeroPoint(), f.Bias
				l.Requant = kernels.Requantization{Y: y, Multiplier: multiplier, ZeroPoint: z, Lo: float32(lo), Hi: float32(hi)}
				return f.Check()
			}}
		},
	}, i.x, i.w, c.node(q.Scale))
	return Value{codes: y, quant: q}
}

// foldedConv is a quantized convolution with its batch norm in evaluation, in
// the arithmetic of the integer network (docs/arithmetic.md): batch norm folded
// into the sum's scale, the bias rounded to the sum's grid,
//
//	y = float32(acc + bias) * scale
func (n *BatchNorm) foldedConv(c *Context, i *integerSum) *G.Node {
	g, qx := i.g, i.qx
	var packed *kernels.IntWeights
	return c.b.Apply(graph.Op{
		Name: "conv2d int8 folded", Layer: i.layer, Attrs: fmt.Sprint(g),
		In: []graph.Arg{codes(4), i8(4)}, Out: pictures(4), Shape: convShape(g), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.IntForward{}
			return graph.Loop{Body: l, Before: func() error {
				f := n.Fold(qx, i.qw)
				packed = kernels.PackIntWeights(packed, g, f.Weights(k.I8(1)), qx.largest())
				l.Weights, l.Codes, l.ZeroPoint, l.Y = packed, k.Codes(0), qx.zeroPoint(), k.OutPictures()
				l.Bias, l.Scale = f.Bias, f.Scale
				return f.Check()
			}}
		},
	}, i.x, i.w)
}

// Fold returns the batch norm folded into a convolution with the given
// quantizers.
func (n *BatchNorm) Fold(qx, qw *Quantizer) integer.Folded {
	return integer.FoldBatchNorm(qx.Scale.Data()[0], qw.Scale.Data(), n.Gamma.Data(), n.Beta.Data(), n.Mean.Data(), n.Var.Data(), n.Eps)
}

func (o foldedQuantizeOp) lower(l *lowering, s *step) error {
	if err := l.ready(o.Name, o.q); err != nil {
		return err
	}
	w, f, err := l.weights(o.layer, func() integer.Folded { return o.norm.Fold(o.input, o.weights) })
	if err != nil {
		return err
	}
	kernel, stride, pad, _ := o.Op.(networks.Conv).IsSquare()
	out := l.tensor(s, o.q, o.out)
	l.net.Layers = append(l.net.Layers, integer.NewConv(l.net, o.Name, l.of[s.in[0]], out, kernel, stride, pad, w, o.weights.codeBits(), f, o.relu))
	return nil
}
