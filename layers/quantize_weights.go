package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
)

// QuantizeWeights puts the quantizer on weights (..., C): codes are int8. An
// affine quantizer takes the scale from the weights at every training step.
// Methods whose levels are no integers give float32.
func (q *Quantizer) QuantizeWeights(c *Context, w *Array) *G.Node {
	if q.method != nil {
		return q.methodWeights(c, w)
	}
	rank, size := w.Value.Dims(), w.Value.Shape().TotalSize()
	channels := w.Value.Shape()[rank-1]
	u, p := q.uniform(q.elements(size, 0, channels))
	scratch := make([]int32, size)
	return c.B.Apply(graph.Op{
		Name: "quantize weights", Layer: q.Name, Attrs: fmt.Sprint(q.Range),
		In: []graph.Arg{f32(rank), f32(1)}, Out: i8(rank), Shape: sameShape(0),
		Forward: func(k *graph.Call) error {
			if !q.Calibrated() || c.Train && !q.Learned() {
				if err := q.CalibrateWeights(k.F32(0)); err != nil {
					return err
				}
			}
			return weightCodes(k.OutI8(), scratch, k.F32(0), u, p)
		},
		Wrt: []bool{true, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			scales := len(q.Scale.Data())
			dp := make(estimators.Params, len(p))
			dw := c.B.Apply(graph.Op{
				Name: "quantize weights gradient", Layer: q.Name, Attrs: fmt.Sprint(q.Range, u),
				In: []graph.Arg{f32(rank), f32(1), f32(rank)}, Out: f32(rank), Shape: sameShape(0), InPlace: 3,
				Aux: func([]tensor.Shape) []graph.Buffer {
					return []graph.Buffer{{Dtype: tensor.Float32, Shape: tensor.Shape{scales}}}
				},
				Forward: func(k *graph.Call) error {
					ds := k.Aux[0].Float32s()
					clear(ds) // a static quantizer learns nothing
					for i := range dp {
						dp[i] = ds
					}
					return u.Backward(k.OutF32(), dp, k.F32(0), k.F32(2), p)
				},
			}, in[0], in[1], dout)
			return []*G.Node{dw, c.B.Aux(dw, 0)}
		},
	}, c.node(w), c.node(q.Scale))
}

// codesOf returns the integer weights of w.
func (q *Quantizer) codesOf(w []float32) ([]int8, error) {
	codes := make([]int8, len(w))
	u, p := q.uniform(0)
	if q.method != nil {
		est, err := q.method.estimator(false, 0)
		if err != nil {
			return nil, err
		}
		u, p = q.method.integer(est), q.method.params()
	}
	return codes, weightCodes(codes, make([]int32, len(w)), w, u, p)
}

// weightCodes writes the integer weights of w; scratch has the length of w.
func weightCodes(codes []int8, scratch []int32, w []float32, u estimators.Integer, p estimators.Params) error {
	if err := u.Quantize(scratch, nil, w, p); err != nil {
		return err
	}
	for i, v := range scratch {
		codes[i] = int8(v)
	}
	return nil
}

// dequantizeKernel gives quantized weights back as floats, for layers whose
// input is not quantized; the gradient passes unchanged.
func dequantizeKernel(c *Context, q *Quantizer, codes *G.Node) *G.Node {
	rank := codes.Dims()
	return c.B.Apply(graph.Op{
		Name: "dequantize weights", Layer: q.Name, In: []graph.Arg{i8(rank), f32(1)}, Out: f32(rank), Shape: sameShape(0),
		Forward: func(k *graph.Call) error {
			dequantizeWeights(k.OutF32(), k.I8(0), k.F32(1))
			return nil
		},
		Wrt:      []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{dout, nil} },
	}, codes, c.node(q.Scale))
}
