package layers

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// foldedLinearOp is a linear layer on codes in evaluation, in the arithmetic of the integer network: its sums are
// integers, and so is its bias, rounded to their grid.
//
//	y = float32(acc + bias) * scale
type foldedLinearOp struct{ linearOp }

// foldLinear: in evaluation a linear layer on codes sums integers.
var foldLinear = rewrite{"fold_linear", "linear(codes) becomes (sum + bias)*scale, in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(linearOp)
	if p.c.Train || !ok || o.weights == nil || !o.weights.integral(false) || !s.in[0].givesCodes(p.c) || o.input.atOffset {
		return false
	}
	return p.replace(s, foldedLinearOp{o}, s.in)
}}

func (o foldedLinearOp) emit(c *Context, s *step) Value {
	x := s.in[0].out.codes
	n, out := x.Shape()[0], o.out.C
	return Value{float: c.b.Apply(graph.Op{
		Name: "linear int8 folded", Layer: o.Name, In: []graph.Arg{codes(x.Dims()), i8(2)}, Out: pictures(2), Shape: fixedShape(n, out), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x kernels.Pictures[uint8]
			var y kernels.Pictures[float32]
			var w []int8
			var f integer.Folded
			acc := kernels.Pictures[int32]{Data: make([]int32, k.Workers*out), Each: out, Local: true}
			return graph.Loop{
				Before: func() error {
					f = o.fold()
					x, y, w = k.Codes(0), k.OutPictures(), f.Weights(k.I8(1))
					return f.Check()
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					sums, logits := acc.At(s, i), y.At(s, i)
					dyadic.Sums(sums, x.At(s, i), o.input.zeroPoint(), w, f.Bias)
					for j, v := range sums {
						logits[j] = float32(v) * f.Scale[j]
					}
				}},
				After: func() error { return finiteLogits(y.Data, out) },
			}
		},
	}, x, o.weights.QuantizeWeights(c, o.weight()))}
}

// fold returns the bias in integer form.
func (l linearOp) fold() integer.Folded {
	return integer.FoldBias(l.input.Scale.Data()[0], l.weights.Scale.Data(), l.biases().Data())
}

func (l foldedLinearOp) lower(low *lowering, s *step) error {
	w, f, err := low.weights(l.layer, l.fold)
	if err != nil {
		return err
	}
	w = f.Weights(w)
	low.net.Layers = append(low.net.Layers, &integer.Linear{
		Name: l.Name, In: low.of[s.in[0]], Out: len(f.Bias), Weights: w, WeightBits: integer.StoredBits(w, l.weights.codeBits()), Scale: f.Scale, Bias: f.Bias,
	})
	return nil
}
