package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
)

// linearOp is y = x*w + b: x (N, Cin), w (Cin, Cout). In evaluation a quantized
// layer rounds its bias to the grid of the integer sums.
type linearOp struct{ *layer }

func planLinear(p *plan, l *layer, in []*step) *step { return p.add(l.Name, linearOp{l}, in...) }

func (l linearOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	x, w, b := v.Float(c), c.node(l.weight()), c.node(l.bias())
	if l.weights != nil {
		if w = l.weights.QuantizeWeights(c, l.weight()); l.weights.integral(c.Train) {
			if !c.Train && l.input != nil && v.codes != nil {
				b = l.roundedBias(c, b, w, v.codes)
			}
			w = dequantizeKernel(c, l.weights, w)
		}
	}
	return Value{float: matmul(c, l.Name, x, w, b)}
}

// fold returns the bias in integer form.
func (l linearOp) fold() integer.Folded {
	return integer.FoldBias(l.input.Scale.Data()[0], l.weights.Scale.Data(), l.bias().Data())
}

// roundedBias is the bias on the grid of the integer sums. Its step is known once both operands, w and x, are quantized.
func (l linearOp) roundedBias(c *Context, b, w, x *G.Node) *G.Node {
	return c.B.Apply(graph.Op{
		Name: "round bias", Layer: l.Name, In: []graph.Arg{f32(1), i8(2), {Dtype: tensor.Uint8, Rank: 2}}, Out: f32(1), Shape: sameShape(0),
		Forward: func(k *graph.Call) error {
			f := l.fold()
			for o, q := range f.Bias {
				k.OutF32()[o] = float32(q) * f.Scale[o]
			}
			return f.Check()
		},
	}, b, w, x)
}

func (l linearOp) lower(low *lowering, s *step) error {
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
