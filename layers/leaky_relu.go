package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/networks"
)

func planLeakyReLU(p *plan, l *layer, in []*step) *step {
	return p.add(l.Name, leakyReLUOp{float32(l.Op.(networks.LeakyReLU).Slope)}, in...)
}

// leakyReLUOp is x, times slope where it is negative.
type leakyReLUOp struct{ slope float32 }

func (o leakyReLUOp) emit(c *Context, s *step) Value {
	return Value{float: o.leak(c, s.name, s.in[0].out.Float(c))}
}

func (o leakyReLUOp) each(y, x []float32) {
	for i, v := range x {
		if y[i] = v; v < 0 {
			y[i] = v * o.slope
		}
	}
}

// leak is y = x, or slope*x where x is negative; dx is dy, or slope*dy where x is not positive.
func (o leakyReLUOp) leak(c *Context, layer string, x *G.Node) *G.Node {
	rank, attrs := x.Dims(), fmt.Sprint(o.slope)
	return c.b.Apply(graph.Op{
		Name: "leaky relu", Layer: layer, Attrs: attrs, In: []graph.Arg{pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop { return each(k, func(y, x, _ []float32) { o.each(y, x) }) },
		Wrt:  []bool{true},
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{c.b.Apply(graph.Op{
				Name: "leaky relu gradient", Layer: layer, Attrs: attrs, In: []graph.Arg{pictures(rank), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 2, Pool: c.pool,
				Loop: func(k *graph.Call) graph.Loop {
					return each(k, func(dx, x, dy []float32) {
						for i, v := range x {
							dx[i] = dy[i]
							if !(v > 0) {
								dx[i] *= o.slope
							}
						}
					})
				},
			}, in[0], dout)}
		},
	}, x)
}
