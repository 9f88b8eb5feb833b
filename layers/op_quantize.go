package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// quantize puts the quantizer on the activation x, or on max(x, 0) if relu. Forward gives codes,
//
//	q = roundHalfEven(clip(x/s, Qn, Qp)),  code = q + zero_point
//
// and backward passes the gradient g of the dequantized value through the
// clipped straight-through estimator (Esser et al. 2020, section 2.1):
//
//	dx = g inside [Qn*s, Qp*s], 0 outside and, behind a ReLU, at 0
//	ds = 1/sqrt(N*Qp) * sum g*(round(v) - v inside; Qn below; Qp above), v = x/s
//
// A quantizer without a scale takes one from the first training batch.
func (q *Quantizer) quantize(c *Context, x *G.Node, relu bool) Value {
	rank, shape := x.Dims(), x.Shape()
	s := c.node(q.Scale)
	y := c.B.Apply(graph.Op{
		Name: "quantize", Layer: q.Name, Attrs: fmt.Sprint(q.Range),
		In: []graph.Arg{pictures(rank), f32(1)}, Out: codes(rank), Shape: sameShape(0), Pool: c.Pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x kernels.Pictures[float32]
			var y kernels.Pictures[uint8]
			var step kernels.Step
			return graph.Loop{
				Before: func() error {
					if err := q.ready(c, k, relu, func() []float32 { return k.F32(0) }); err != nil {
						return err
					}
					x, y, step = k.Pictures(0), k.OutCodes(), q.stepBehind(relu, k.F32(1)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.QuantizeRow(y.At(s, n), x.At(s, n), &step) }},
			}
		},
		Wrt: []bool{true, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			n := q.elements(shape.TotalSize(), shape[0], shape[len(shape)-1])
			dx := c.B.Apply(graph.Op{
				Name: "quantize gradient", Layer: q.Name, Attrs: fmt.Sprint(q.Range, n),
				In: []graph.Arg{pictures(rank), f32(1), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 3, Pool: c.Pool,
				Aux: func([]tensor.Shape) []graph.Buffer {
					return []graph.Buffer{scalar}
				},
				Loop: func(k *graph.Call) graph.Loop {
					l := &kernels.StepGrad{N: shape[0]}
					return graph.Loop{
						Body: l,
						Before: func() error {
							l.DX, l.X, l.DY, l.Q = k.OutPictures(), k.Pictures(0), k.Pictures(2), q.stepBehind(relu, k.F32(1)[0])
							return nil
						},
						After: func() error { k.Aux[0].Float32s()[0] = q.scaleGradient(l.Sum, n); return nil },
					}
				},
			}, in[0], in[1], dout)
			return []*G.Node{dx, c.B.Aux(dx, 0)}
		},
	}, x, s)
	return Value{codes: y, quant: q}
}

// ready calibrates a quantizer that has no scale yet on its whole input, which
// is there unless the operation is fused with others.
func (q *Quantizer) ready(c *Context, k *graph.Call, relu bool, whole func() []float32) error {
	switch {
	case q.Calibrated():
		return nil
	case !c.Train || k.Fused:
		return fmt.Errorf("the quantizer has no scale; train or calibrate the network first")
	}
	return q.calibrateActivation(whole(), relu)
}

// dequantize is y = s*(code - zero_point); the gradient passes unchanged.
func dequantize(c *Context, q *Quantizer, x *G.Node) *G.Node {
	rank := x.Dims()
	return c.B.Apply(graph.Op{
		Name: "dequantize", Layer: q.Name, In: []graph.Arg{codes(rank), f32(1)}, Out: pictures(rank), Shape: sameShape(0), Pool: c.Pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x kernels.Pictures[uint8]
			var y kernels.Pictures[float32]
			var step kernels.Step
			return graph.Loop{
				Before: func() error { x, y, step = k.Codes(0), k.OutPictures(), q.step(k.F32(1)[0]); return nil },
				Body:   &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.DequantizeRow(y.At(s, n), x.At(s, n), &step) }},
			}
		},
		Wrt:      []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{dout, nil} },
	}, x, c.node(q.Scale))
}

// QuantizeWeights puts the quantizer on weights (..., C): codes are int8. An
// affine quantizer takes the scale from the weights at every training step.
// Methods whose levels are no integers give float32.
func (q *Quantizer) QuantizeWeights(c *Context, w *Param) *G.Node {
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
