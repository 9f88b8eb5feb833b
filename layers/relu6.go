package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

func planReLU6(p *plan, l *layer, in []*step) *step { return p.add(l.Name, relu6Op{}, in...) }

// relu6Op is min(max(x, 0), 6).
type relu6Op struct{}

func (relu6Op) emit(c *Context, s *step) Value {
	return Value{float: relu6(c, s.name, s.in[0].out.Float(c))}
}

func (relu6Op) each(y, x []float32) { kernels.ReLU6Row(y, x) }

// relu6 is y = min(max(x, 0), 6), dx = dy where 0 < x < 6.
func relu6(c *Context, layer string, x *G.Node) *G.Node {
	rank := x.Dims()
	return c.b.Apply(graph.Op{
		Name: "relu6", Layer: layer, In: []graph.Arg{pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 1, Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) { kernels.ReLU6Row(y, x) })
		},
		Wrt: []bool{true},
		Gradient: func(_ []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.b.Apply(graph.Op{
				Name: "relu6 gradient", Layer: layer, In: []graph.Arg{pictures(rank), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 2, Pixelwise: true, Pool: c.pool,
				Loop: func(k *graph.Call) graph.Loop {
					return each(k, kernels.ReLU6GradRow)
				},
			}, out, dout)}
		},
	}, x)
}
