package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// foldedOp is a convolution on codes with its bias and batch norm, if it has them, in evaluation, in floats.
type foldedOp struct {
	convOp
	norm *BatchNorm // may be nil
}

func (o foldedOp) emit(c *Context, s *step) Value { return Value{float: o.sum(c, s).floats(c)} }

// fold returns bias and batch norm in integer form. The bias counts as a shift of the mean.
func (o foldedOp) fold() integer.Folded {
	sx, sw, bias := o.input.Scale.Data()[0], o.weights.Scale.Data(), make([]float32, o.out.C)
	if b := o.bias(); b != nil {
		copy(bias, b.Data())
	}
	n := o.norm
	if n == nil {
		return integer.FoldBias(sx, sw, bias)
	}
	for c, m := range n.Mean.Data() {
		bias[c] = m - bias[c]
	}
	return integer.FoldBatchNorm(sx, sw, n.Gamma.Data(), n.Beta.Data(), bias, n.Var.Data(), n.Eps)
}

// sum is the convolution's integer sum, not computed yet.
func (o foldedOp) sum(c *Context, s *step) *integerSum {
	v := s.in[0].out
	return &integerSum{o.fold, o.Name, o.geometry(v), o.input, v.codes, o.weights.QuantizeWeights(c, o.weight())}
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

// foldConv: in evaluation the bias of a convolution on codes without batch norm is part of its sum, too.
var foldConv = rewrite{"fold_conv", "conv(codes) becomes (sum + bias)*scale, in evaluation", func(p *plan, s *step) bool {
	conv, ok := s.op.(convOp)
	return ok && !p.c.Train && conv.onCodes(false) && !conv.input.atOffset && p.replace(s, foldedOp{conv, nil}, s.in)
}}

// foldedQuantizeOp is a convolution with its batch norm, ReLU if relu, and a quantizer, in evaluation.
type foldedQuantizeOp struct {
	foldedOp
	q    *Quantizer
	relu bool
	top  float32 // what larger values become; 0: they stay
}

func (o foldedQuantizeOp) quantizer() *Quantizer { return o.q }

func (foldedQuantizeOp) givesCodes(*Context, *step) bool { return true }

func (o foldedQuantizeOp) emit(c *Context, s *step) Value { return o.sum(c, s).codes(c, o.q, o.bounds) }

// foldedQuantize: in evaluation a convolution's sum becomes a code by one multiplier.
var foldedQuantize = rewrite{"folded_quantize", "quantize((sum + bias)*scale) becomes round((sum + bias)*multiplier), in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !o.q.even() {
		return false
	}
	before, relu := p.beforeReLU(s)
	top := float32(0)
	if _, ok := alone[relu6Op](p, before); ok {
		before, relu, top = before.in[0], []*step{before}, 6
	}
	o.relu = o.relu || relu != nil
	folded, ok := alone[foldedOp](p, before)
	if !ok {
		return false
	}
	return p.replace(s, foldedQuantizeOp{folded, o.q, o.relu, top}, before.in, append(relu, before)...)
}}

// integerSum is a quantized convolution in evaluation, not computed yet.
type integerSum struct {
	fold  func() integer.Folded
	layer string
	g     kernels.Conv
	qx    *Quantizer
	x, w  *G.Node
}

// bounds returns the smallest and the largest code.
func (o foldedQuantizeOp) bounds() (lo, hi uint8) {
	lo, hi = o.q.bounds(o.relu)
	if o.top > 0 {
		code := math.RoundToEven(float64(o.top/o.q.Scale.Data()[0])) + float64(o.q.zeroPoint())
		hi = uint8(min(float64(hi), code))
	}
	return lo, hi
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
func (i *integerSum) codes(c *Context, q *Quantizer, bounds func() (lo, hi uint8)) Value {
	var packed *kernels.IntWeights
	multiplier := make([]float32, i.g.Cout)
	y := c.b.Apply(graph.Op{
		Name: "conv2d int8 folded, quantize", Layer: i.layer, Attrs: fmt.Sprint(i.g, q.levelRange()),
		In: []graph.Arg{codes(4), i8(4), f32(1)}, Out: codes(4), Shape: convShape(i.g), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.IntForward{}
			return graph.Loop{Body: l, Before: func() error {
				if err := q.updateActivations(false, k, false, nil); err != nil {
					return err
				}
				f := i.fold()
				for j, s := range f.Scale {
					multiplier[j] = s / k.F32(2)[0]
				}
				packed = kernels.PackIntWeights(packed, i.g, f.Weights(k.I8(1)), i.qx.largest())
				y, z := k.OutCodes(), float32(q.zeroPoint())
				lo, hi := bounds()
				l.Weights, l.Codes, l.ZeroPoint, l.Bias = packed, k.Codes(0), i.qx.zeroPoint(), f.Bias
				l.Requant = kernels.Requantization{Y: y, Multiplier: multiplier, ZeroPoint: z, Lo: float32(lo), Hi: float32(hi)}
				return f.Check()
			}}
		},
	}, i.x, i.w, c.node(q.Scale))
	return Value{codes: y, quant: q}
}

// floats is the convolution with its bias and batch norm in the arithmetic of the integer network (docs/arithmetic.md):
// folded into the sum's scale, the bias rounded to the sum's grid,
//
//	y = float32(acc + bias) * scale
func (i *integerSum) floats(c *Context) *G.Node {
	g, qx := i.g, i.qx
	var packed *kernels.IntWeights
	return c.b.Apply(graph.Op{
		Name: "conv2d int8 folded", Layer: i.layer, Attrs: fmt.Sprint(g),
		In: []graph.Arg{codes(4), i8(4)}, Out: pictures(4), Shape: convShape(g), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.IntForward{}
			return graph.Loop{Body: l, Before: func() error {
				f := i.fold()
				packed = kernels.PackIntWeights(packed, g, f.Weights(k.I8(1)), qx.largest())
				l.Weights, l.Codes, l.ZeroPoint, l.Y = packed, k.Codes(0), qx.zeroPoint(), k.OutPictures()
				l.Bias, l.Scale = f.Bias, f.Scale
				return f.Check()
			}}
		},
	}, i.x, i.w)
}

func (o foldedQuantizeOp) lower(l *lowering, s *step) error {
	if err := l.ready(o.Name, o.q); err != nil {
		return err
	}
	w, f, err := l.weights(o.layer, o.fold)
	if err != nil {
		return err
	}
	op, _ := o.conv()
	if shape := l.shape(s.in[0]); shape != o.in[0] { // over all pixels of what is flattened
		op.Kernel, op.Stride = networks.Size{H: shape.H, W: shape.W}, networks.Size{H: 1, W: 1}
	}
	out := l.tensor(s, o.q, o.out)
	conv := integer.NewConv(l.net, o.Name, l.of[s.in[0]], out, op.Window, op.Groups, w, o.weights.codeBits(), f, o.relu)
	_, conv.Hi = o.bounds()
	l.net.Layers = append(l.net.Layers, conv)
	return nil
}
