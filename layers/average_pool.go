package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

func planAveragePool(p *plan, l *layer, in []*step) *step {
	return p.add(l.Name, averagePoolOp{}, in...)
}

// averagePoolOp is the mean of each channel over all pixels.
type averagePoolOp struct{}

func (averagePoolOp) emit(c *Context, s *step) Value {
	return Value{float: averagePool(c, s.in[0].out.Float(c))}
}

// averagePool averages each channel over all pixels: x (N, H, W, C), y (N, 1, 1, C).
func averagePool(c *Context, x *G.Node) *G.Node {
	s := x.Shape()
	n, pixels, ch := s[0], s[1]*s[2], s[3]
	return c.b.Apply(graph.Op{
		Name: "average pool", In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(n, 1, 1, ch), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) {
				clear(y)
				for p := 0; p < pixels; p++ {
					kernels.AddRow(y, y, x[p*ch:][:ch])
				}
				for j := range y {
					y[j] /= float32(pixels)
				}
			})
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.b.Apply(graph.Op{
				Name: "average pool gradient", In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(s...), Pool: c.pool,
				Loop: func(k *graph.Call) graph.Loop {
					return each(k, func(dx, dy, _ []float32) {
						for j, v := range dy {
							dx[j] = v / float32(pixels)
						}
						for p := 1; p < pixels; p++ {
							copy(dx[p*ch:][:ch], dx[:ch])
						}
					})
				},
			}, dout)}
		},
	}, x)
}
