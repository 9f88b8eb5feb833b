package layers

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// quantizeOp puts a quantizer on an activation, of max(x, 0) if relu.
type quantizeOp struct {
	q      *Quantizer
	relu   bool
	top    float32 // what larger values become, in training; 0: they stay
	binned bool    // see binnedState
}

func (o quantizeOp) givesCodes(c *Context, _ *step) bool { return o.q.givesCodes(c.Train) }

// quantizer is the quantizer whose output the operation gives.
func (o quantizeOp) quantizer() *Quantizer { return o.q }

func (o quantizeOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	x := v.Float(c)
	if !o.q.plain() {
		return o.q.methodActivations(c, x, o.binned)
	}
	return o.quantize(c, x, v.again)
}

// givesCodes tells that activations become codes, in training or in evaluation.
func (q *Quantizer) givesCodes(train bool) bool { return q.atOffset || q.integral(train) }

// absorbReLU: a quantizer of what is never negative does the work of the ReLU before it.
var absorbReLU = rewrite{"absorb_relu", "quantize(relu(x)) becomes quantize(x), where the lowest level is 0", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !o.q.plain() || !o.q.absorbsReLU() {
		return false
	}
	before := s.in[0]
	if _, ok := alone[reluOp](p, before); !ok {
		return false
	}
	o.relu = true
	return p.replace(s, o, before.in, before)
}}

// absorbReLU6: in training, as absorbReLU. In evaluation foldedQuantize looks for it.
var absorbReLU6 = rewrite{"absorb_relu6", "quantize(relu6(x)) becomes quantize(x), clipped at 6, in training", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !p.c.Train || !o.q.plain() || !o.q.absorbsReLU() {
		return false
	}
	before := s.in[0]
	if _, ok := alone[relu6Op](p, before); !ok {
		return false
	}
	o.relu, o.top = true, 6
	return p.replace(s, o, before.in, before)
}}

// uniform is the quantizer of what stands before it, as the kernels take it.
func (o quantizeOp) uniform(scale float32) kernels.Uniform {
	s := o.q.uniformBehind(o.relu, scale)
	if top := o.top / scale; top <= s.Qp {
		s.Top = top
	}
	return s
}

// seen is what the quantizer sees of the values x but for the ReLU.
func (o quantizeOp) seen(x []float32) []float32 {
	if o.top == 0 {
		return x
	}
	y := slices.Clone(x)
	for i, v := range y {
		if v > o.top {
			y[i] = o.top
		}
	}
	return y
}

func (o quantizeOp) lower(l *lowering, s *step) error {
	from := s.in[0]
	if err := l.ready(s.name, o.q); err != nil {
		return err
	}
	if _, ok := from.op.(inputOp); ok {
		if l.of[s] = 0; len(l.net.Tensors) == 0 { // all that read the images read the same codes
			l.tensor(s, o.q, l.input)
		}
		return nil
	}
	out := l.tensor(s, o.q, l.shape(from))
	lo, hi := l.net.Tensors[out].Range()
	l.net.Layers = append(l.net.Layers, &integer.Requantize{Name: s.name, In: l.of[from], Out: out, Lo: lo, Hi: hi})
	return nil
}

// quantize puts the quantizer on the activation x, or on max(x, 0) behind a ReLU. Forward gives codes,
//
//	q = roundHalfEven(clip(x/s, Qn, Qp)),  code = q + zero_point
//
// and backward passes the gradient g of the dequantized value through the
// clipped straight-through estimator (Esser et al. 2020, section 2.1):
//
//	dx = g inside [Qn*s, Qp*s], 0 outside and, behind a ReLU, at 0
//	ds = 1/sqrt(N*Qp) * sum g*(round(v) - v inside; Qn below; Qp above), v = x/s
//
// again is for the gradient, which reads x.
func (o quantizeOp) quantize(c *Context, x *G.Node, again *recomputed) Value {
	q := o.q
	rank, shape := x.Dims(), x.Shape()
	s := c.node(q.Scale)
	y := c.b.Apply(graph.Op{
		Name: "quantize", Layer: q.Name, Attrs: fmt.Sprint(q.levelRange()),
		In: []graph.Arg{pictures(rank), f32(1)}, Out: codes(rank), Shape: sameShape(0), Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x kernels.Pictures[float32]
			var y kernels.Pictures[uint8]
			var to kernels.Uniform
			return graph.Loop{
				Before: func() error {
					if err := q.updateActivations(c.Train, k, o.relu, func() []float32 { return o.seen(k.F32(0)) }); err != nil {
						return err
					}
					x, y, to = k.Pictures(0), k.OutCodes(), o.uniform(k.F32(1)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.QuantizeRow(y.At(s, n), x.At(s, n), &to) }},
			}
		},
		Wrt: []bool{true, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			n := q.elements(shape.TotalSize(), shape[0], shape[len(shape)-1])
			dx := c.b.Apply(graph.Op{
				Name: "quantize gradient", Layer: q.Name, Attrs: fmt.Sprint(q.levelRange(), n),
				In: []graph.Arg{pictures(rank), f32(1), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 3, Pixelwise: true, Pool: c.pool,
				Aux: func([]tensor.Shape) []graph.Buffer {
					return []graph.Buffer{scalar}
				},
				Loop: func(k *graph.Call) graph.Loop {
					l := &kernels.UniformGrad{N: shape[0]}
					return graph.Loop{
						Body: l,
						Before: func() error {
							l.DX, l.X, l.DY, l.Q = k.OutPictures(), k.Pictures(0), k.Pictures(2), o.uniform(k.F32(1)[0])
							return nil
						},
						After: func() error { k.Aux[0].Float32s()[0] = q.scaleGradient(l.Sum, n); return nil },
					}
				},
			}, again.or(in[0], dout), in[1], dout)
			return []*G.Node{dx, c.b.Aux(dx, 0)}
		},
	}, x, s)
	return Value{codes: y, quant: q}
}

// dequantize is y = s*(code - zero_point); the gradient passes unchanged.
func dequantize(c *Context, q *Quantizer, x *G.Node) *G.Node {
	rank := x.Dims()
	return c.b.Apply(graph.Op{
		Name: "dequantize", Layer: q.Name, In: []graph.Arg{codes(rank), f32(1)}, Out: pictures(rank), Shape: sameShape(0), Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x kernels.Pictures[uint8]
			var y kernels.Pictures[float32]
			var to kernels.Uniform
			return graph.Loop{
				Before: func() error { x, y, to = k.Codes(0), k.OutPictures(), q.uniform(k.F32(1)[0]); return nil },
				Body:   &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.DequantizeRow(y.At(s, n), x.At(s, n), &to) }},
			}
		},
		Wrt:      []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{dout, nil} },
	}, x, c.node(q.Scale))
}
