package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

func planReLU(p *plan, l *layer, in []*step) *step { return p.add(l.Name, reluOp{}, in...) }

// reluOp is max(x, 0).
type reluOp struct{}

func (reluOp) recomputes() {}

func (reluOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	x := v.Float(c)
	var again *recomputed
	if s.again {
		again = &recomputed{with: func(dout *G.Node) *G.Node { return c.b.Apply(reluOf(c, x.Dims()), v.again.or(x, dout)) }}
	}
	return Value{float: relu(c, x, again), again: again}
}

// reluOf is y = max(x, 0).
func reluOf(c *Context, rank int) graph.Op {
	return graph.Op{
		Name: "relu", In: []graph.Arg{pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 1, Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) { kernels.ReLURow(y, x) })
		},
	}
}

// relu is y = max(x, 0), dx = dy where y > 0.
func relu(c *Context, x *G.Node, again *recomputed) *G.Node {
	rank := x.Dims()
	op := reluOf(c, rank)
	op.Wrt = []bool{true}
	op.Gradient = func(in []*G.Node, out, dout *G.Node) []*G.Node {
		return []*G.Node{c.b.Apply(graph.Op{
			Name: "relu gradient", In: []graph.Arg{pictures(rank), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 2, Pixelwise: true, Pool: c.pool,
			Loop: func(k *graph.Call) graph.Loop { return each(k, kernels.ReLUGradRow) },
		}, again.or(out, dout), dout)}
	}
	return c.b.Apply(op, x)
}
