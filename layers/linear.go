package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// linearOp is the layer that gives the logits, y = x*w + b: x (N, 1, 1, Cin), w (Cin, Cout). Others are convolutions.
type linearOp struct{ *layer }

func planLinear(p *plan, l *layer, in []*step) *step {
	if !l.last {
		return planConv(p, l, in)
	}
	return p.add(l.Name, linearOp{l}, in...)
}

func (l linearOp) emit(c *Context, s *step) Value {
	w := c.node(l.weight())
	if l.weights != nil {
		if w = l.weights.QuantizeWeights(c, l.weight()); l.weights.integral(c.Train) {
			w = dequantizeKernel(c, l.weights, w)
		}
	}
	return Value{float: matmul(c, l.Name, s.in[0].out.Float(c), w, c.node(l.biases()))}
}

// biases are those of the outputs, which may be none.
func (l linearOp) biases() *Array {
	if b := l.bias(); b != nil {
		return b
	}
	return newUpdated(l.Name+" has no bias", l.out.C)
}

// fewProducts is how many products are too few for several threads.
const fewProducts = 1 << 20

// matmul is y = x*w + b: x (N, Cin) or (N, 1, 1, Cin), w (Cin, Cout), b (Cout), in float64 sums. Outputs that are not
// finite are an error: see finiteLogits.
func matmul(c *Context, layer string, x, w, b *G.Node) *G.Node {
	n, in, out, rank := x.Shape()[0], w.Shape()[0], w.Shape()[1], x.Dims()
	pool := c.pool
	if n*in*out < fewProducts {
		pool = nil
	}
	rows := func(data []float32, columns int) kernels.Matrix {
		return kernels.Matrix{Data: data, Row: columns, Col: 1}
	}
	forward, inputs, weights := &kernels.Product{M: n, K: in, N: out}, &kernels.Product{M: in, K: out, N: n}, &kernels.Product{M: in, K: n, N: out}
	work := graph.Work{Floats: float64(n * in * out)}
	turned := func(data []float32, columns int) kernels.Matrix {
		return kernels.Matrix{Data: data, Row: 1, Col: columns}
	}
	return c.b.Apply(graph.Op{
		Name: "linear", Layer: layer, In: []graph.Arg{f32(rank), f32(2), f32(1)}, Out: f32(2), Shape: fixedShape(n, out), Pool: pool, Work: work,
		Forward: func(k *graph.Call) error {
			forward.Y, forward.A, forward.B, forward.Init = rows(k.OutF32(), out), rows(k.F32(0), in), rows(k.F32(1), out), k.F32(2)
			forward.Run(pool)
			return finiteLogits(k.OutF32(), out)
		},
		Wrt: []bool{true, true, true},
		Gradient: func(nodes []*G.Node, _, dout *G.Node) []*G.Node {
			dx := c.b.Apply(graph.Op{
				Name: "linear input gradient", Layer: layer, In: []graph.Arg{f32(2), f32(2)}, Out: f32(rank), Shape: fixedShape(x.Shape()...), Pool: pool, Work: work,
				Forward: func(k *graph.Call) error { // of the columns of dx, one an image
					inputs.Y, inputs.A, inputs.B = turned(k.OutF32(), in), rows(k.F32(0), out), turned(k.F32(1), out)
					inputs.Run(pool)
					return nil
				},
			}, nodes[1], dout)
			dw := c.b.Apply(graph.Op{
				Name: "linear weight gradient", Layer: layer, In: []graph.Arg{f32(rank), f32(2)}, Out: f32(2), Shape: fixedShape(in, out), Pool: pool, Work: work,
				Forward: func(k *graph.Call) error {
					weights.Y, weights.A, weights.B = rows(k.OutF32(), out), turned(k.F32(0), in), rows(k.F32(1), out)
					weights.Run(pool)
					return nil
				},
			}, nodes[0], dout)
			db := c.b.Apply(graph.Op{
				Name: "linear bias gradient", Layer: layer, In: []graph.Arg{f32(2)}, Out: f32(1), Shape: fixedShape(out),
				Forward: func(k *graph.Call) error {
					db, dy := k.OutF32(), k.F32(0)
					for o := range db {
						s := 0.0
						for i := 0; i < n; i++ {
							s += float64(dy[i*out+o])
						}
						db[o] = float32(s)
					}
					return nil
				},
			}, dout)
			return []*G.Node{dx, dw, db}
		},
	}, x, w, b)
}

// matrix is x (n, 1, 1, out) as logits (n, out), of a network that ends with another layer; see finiteLogits.
func matrix(c *Context, x *G.Node, n, out int) *G.Node {
	from := x.Shape()
	return c.b.Apply(graph.Op{
		Name: "logits", In: []graph.Arg{f32(4)}, Out: f32(2), Shape: fixedShape(n, out),
		Forward: func(k *graph.Call) error {
			copy(k.OutF32(), k.F32(0))
			return finiteLogits(k.OutF32(), out)
		},
		Wrt: []bool{true},
		Gradient: func(_ []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{reshape(c, "logits", dout, pictures, from)}
		},
	}, x)
}

// finiteLogits reports the first of the logits (N, out) that is not finite: classes are compared by them, and every
// comparison with NaN is false. It is an error in training, calibration, evaluation and of teachers.
func finiteLogits(logits []float32, out int) error {
	if i := graph.FirstNotFinite(logits); i >= 0 {
		return &graph.NotFiniteError{What: fmt.Sprintf("output %d of image %d", i%out, i/out), Value: float64(logits[i])}
	}
	return nil
}
