package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

func planAdd(p *plan, l *layer, in []*step) *step { return p.add(l.Name, addOp{}, in...) }

func addLacks(g *networks.Network, l *layer) []string {
	shapes, err := g.Shapes()
	if err != nil {
		return nil // told elsewhere
	}
	if flat := flattened(g, shapes); max(flat[l.Inputs[0]], 1) != max(flat[l.Inputs[1]], 1) { // whose channels files have in another order
		return []string{"sums of a flattened image and of what is none"}
	}
	return nil
}

// addOp is the sum of a branch and the residual stream.
type addOp struct{}

func (addOp) recomputes() {}

func (addOp) emit(c *Context, s *step) Value {
	a, b := &s.in[0].out, &s.in[1].out
	stream := b.Float(c)
	branch := a.Float(c)
	v := Value{float: add(c, s.name, branch, stream)}
	if s.again {
		v.again = &recomputed{with: func(dout *G.Node) *G.Node { return add(c, s.name, a.again.or(branch, dout), b.again.or(stream, dout)) }}
	}
	return v
}

// add is y = a + b for equal shapes; both inputs get dy.
func add(c *Context, layer string, a, b *G.Node) *G.Node {
	rank := a.Dims()
	return c.b.Apply(graph.Op{
		Name: "add", Layer: layer, In: []graph.Arg{pictures(rank), pictures(rank)}, Out: pictures(rank), InPlace: 1, Pixelwise: true, Pool: c.pool,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if !in[0].Eq(in[1]) {
				return nil, fmt.Errorf("shapes %v and %v differ", in[0], in[1])
			}
			return in[0], nil
		},
		Loop:     func(k *graph.Call) graph.Loop { return each(k, kernels.AddRow) },
		Wrt:      []bool{true, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{dout, dout} },
	}, a, b)
}
