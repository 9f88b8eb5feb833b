package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
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

// matmul is y = x*w + b: x (N, Cin) or (N, 1, 1, Cin), w (Cin, Cout), b (Cout). It is small, so
// it runs on one thread, in float64 sums. Outputs that are not finite are an error:
// see finiteLogits.
func matmul(c *Context, layer string, x, w, b *G.Node) *G.Node {
	n, in, out, rank := x.Shape()[0], w.Shape()[0], w.Shape()[1], x.Dims()
	return c.b.Apply(graph.Op{
		Name: "linear", Layer: layer, In: []graph.Arg{f32(rank), f32(2), f32(1)}, Out: f32(2), Shape: fixedShape(n, out),
		Forward: func(k *graph.Call) error {
			y, x, w, b := k.OutF32(), k.F32(0), k.F32(1), k.F32(2)
			sum := make([]float64, out)
			for i := 0; i < n; i++ {
				for o := range sum {
					sum[o] = float64(b[o])
				}
				for j, v := range x[i*in:][:in] {
					for o, u := range w[j*out:][:out] {
						sum[o] += float64(v) * float64(u)
					}
				}
				for o, v := range sum {
					y[i*out+o] = float32(v)
				}
			}
			return finiteLogits(y, out)
		},
		Wrt: []bool{true, true, true},
		Gradient: func(nodes []*G.Node, _, dout *G.Node) []*G.Node {
			dx := c.b.Apply(graph.Op{
				Name: "linear input gradient", Layer: layer, In: []graph.Arg{f32(2), f32(2)}, Out: f32(rank), Shape: fixedShape(x.Shape()...),
				Forward: func(k *graph.Call) error {
					dx, w, dy := k.OutF32(), k.F32(0), k.F32(1)
					for i := 0; i < n; i++ {
						for j := 0; j < in; j++ {
							s := 0.0
							for o, g := range dy[i*out:][:out] {
								s += float64(g) * float64(w[j*out+o])
							}
							dx[i*in+j] = float32(s)
						}
					}
					return nil
				},
			}, nodes[1], dout)
			dw := c.b.Apply(graph.Op{
				Name: "linear weight gradient", Layer: layer, In: []graph.Arg{f32(rank), f32(2)}, Out: f32(2), Shape: fixedShape(in, out),
				Forward: func(k *graph.Call) error {
					dw, x, dy := k.OutF32(), k.F32(0), k.F32(1)
					sum := make([]float64, in*out)
					for i := 0; i < n; i++ {
						for j, v := range x[i*in:][:in] {
							for o, g := range dy[i*out:][:out] {
								sum[j*out+o] += float64(v) * float64(g)
							}
						}
					}
					for i, s := range sum {
						dw[i] = float32(s)
					}
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
