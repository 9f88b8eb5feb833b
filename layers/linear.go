package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
)

// Linear is y = x*w + b: x (N, Cin), w (Cin, Cout). In evaluation a quantized
// layer rounds its bias to the grid of the integer sums.
type Linear struct {
	Name           string
	Weight, Bias   *Param
	Weights, Input *Quantizer // nil: floating point
}

func newLinear(name string, in, out int, weights, input configs.TensorSpec, signed bool) (*Linear, error) {
	l := &Linear{Name: name, Weight: newParam(name+".weight", Weights, in, out), Bias: newParam(name+".bias", Bias, out)}
	var err error
	l.Weights, l.Input, err = newOperands(l.Weight, name, weights, input, signed)
	return l, err
}

// Build adds the layer to the graph.
func (l *Linear) Build(c *Context, v Value) *G.Node {
	if l.Input != nil {
		v = l.Input.Quantize(c, v)
	}
	x, w, b := v.Float(c), c.node(l.Weight), c.node(l.Bias)
	if l.Weights != nil {
		if w = l.Weights.QuantizeWeights(c, l.Weight); l.Weights.integral(c.Train) {
			if !c.Train && l.Input != nil && v.codes != nil {
				b = l.roundedBias(c, b, w, v.codes)
			}
			w = dequantizeKernel(c, l.Weights, w)
		}
	}
	return c.tap(l.Name, Value{float: matmul(c, l.Name, x, w, b)}).float
}

// Fold returns the bias in integer form.
func (l *Linear) Fold() integer.Folded {
	return integer.FoldBias(l.Input.Scale.Data()[0], l.Weights.Scale.Data(), l.Bias.Data())
}

// Lower adds the integer layer that reads tensor in and gives the logits.
func (l *Linear) Lower(low *lowering, in int) error {
	if err := low.ready(l.Name, l.Weights, l.Input); err != nil {
		return err
	}
	if err := l.Weights.refresh(l.Weight.Data()); err != nil {
		return low.fail(l.Name, err)
	}
	f := l.Fold()
	if err := f.Check(); err != nil {
		return low.fail(l.Name, err)
	}
	codes, err := l.Weights.codesOf(l.Weight.Data())
	if err != nil {
		return low.fail(l.Name, err)
	}
	codes = f.Weights(codes)
	low.net.Layers = append(low.net.Layers, &integer.Linear{
		Name: l.Name, In: in, Out: len(f.Bias), Weights: codes, WeightBits: integer.StoredBits(codes, l.Weights.codeBits()), Scale: f.Scale, Bias: f.Bias,
	})
	return nil
}

// roundedBias is the bias on the grid of the integer sums. Its step is known once both operands, w and x, are quantized.
func (l *Linear) roundedBias(c *Context, b, w, x *G.Node) *G.Node {
	return c.B.Apply(graph.Op{
		Name: "round bias", Layer: l.Name, In: []graph.Arg{f32(1), i8(2), {Dtype: tensor.Uint8, Rank: 2}}, Out: f32(1), Shape: sameShape(0),
		Forward: func(k *graph.Call) error {
			f := l.Fold()
			for o, q := range f.Bias {
				k.OutF32()[o] = float32(q) * f.Scale[o]
			}
			return f.Check()
		},
	}, b, w, x)
}
