package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// Evaluation follows the arithmetic of the target that the network is lowered to
// (docs/arithmetic.md), where training divides: a convolution's sum becomes a
// code by one multiplier, and a residual sum is done on the output's scale. The
// two differ by float rounding, which flips a few codes in a million.

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
	z := 0
	if q.centred() {
		z = int(q.zeroPoint())
	} else if q.Signed {
		z = -q.Qn()
	}
	lo, hi = uint8(z+q.Qn()), uint8(z+q.Qp())
	if relu {
		lo = max(lo, q.zeroPoint())
	}
	return lo, hi
}

// centred tells that real zero has the code in the middle of a signed range. LSQ+ may have it elsewhere: as an unsigned
// range has.
func (q *Quantizer) centred() bool { return q.Signed && int(q.zeroPoint()) == 1<<(q.Bits-1) }

// largest returns the largest code.
func (q *Quantizer) largest() uint8 {
	if q.method != nil {
		return q.method.largest()
	}
	_, hi := q.bounds(false)
	return hi
}

// codes gives the convolution's output in codes of q:
//
//	code = clamp(roundHalfEven(float32(acc + bias)*float32(scale/s)) + zero_point, lo, hi)
func (i *integerSum) codes(c *Context, q *Quantizer, relu bool) Value {
	var packed *kernels.IntWeights
	multiplier := make([]float32, i.g.Cout)
	y := c.B.Apply(graph.Op{
		Name: "conv2d int8 folded, quantize", Layer: i.layer, Attrs: fmt.Sprint(i.g, q.Range, relu),
		In: []graph.Arg{codes(4), i8(4), f32(1)}, Out: codes(4), Shape: convShape(i.g), Pool: c.Pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.IntForward{}
			return graph.Loop{Body: l, Before: func() error {
				if err := q.ready(c, k, relu, nil); err != nil {
					return err
				}
				if q.method != nil {
					if err := q.measure(nil); err != nil {
						return err
					}
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

// sumCodes is the end of a block in evaluation: the branch's codes plus the
// stream's, through ReLU, in codes of Output.
func (b *Block) sumCodes(c *Context, branch, stream Value) Value {
	stream = b.shortcutCodes(c, stream)
	y := c.B.Apply(graph.Op{
		Name: "add, quantize", Layer: b.Name, Attrs: fmt.Sprint(b.Output.Range),
		In: []graph.Arg{codes(4), codes(4), f32(1), f32(1), f32(1)}, Out: codes(4), Shape: sameShape(0), Pool: c.Pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, from, to kernels.Pictures[uint8]
			var sum kernels.CodeSum
			return graph.Loop{
				Before: func() error {
					if err := b.Output.ready(c, k, true, nil); err != nil {
						return err
					}
					x, from, to = k.Codes(0), k.Codes(1), k.OutCodes()
					scale := k.F32(4)[0]
					sum = kernels.CodeSum{
						RatioA: k.F32(2)[0] / scale, ZeroA: branch.quant.zeroPoint(),
						RatioB: k.F32(3)[0] / scale, ZeroB: stream.quant.zeroPoint(), ZeroPoint: b.Output.zeroPoint(),
					}
					sum.Lo, sum.Hi = b.Output.bounds(true)
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.AddCodesRow(to.At(s, n), x.At(s, n), from.At(s, n), &sum) }},
			}
		},
	}, branch.codes, stream.codes, c.node(branch.quant.Scale), c.node(stream.quant.Scale), c.node(b.Output.Scale))
	return c.watch(b.Output, Value{codes: y, quant: b.Output})
}
