package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
)

func planFlatten(p *plan, l *layer, in []*step) *step { return p.add(l.Name, flattenOp{}, in...) }

// flattenOp makes the image the channels of one pixel, of codes where there are codes.
type flattenOp struct{}

func (flattenOp) givesCodes(c *Context, s *step) bool { return s.in[0].givesCodes(c) }

func (flattenOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	shape := v.shape()
	to := tensor.Shape{shape[0], 1, 1, shape.TotalSize() / shape[0]}
	if v.codes != nil {
		return Value{codes: reshape(c, s.name, v.codes, codes, to), quant: v.quant}
	}
	return Value{float: reshape(c, s.name, v.Float(c), pictures, to)}
}

func (flattenOp) movesCodes() {}

// lower leaves the image as it is: who reads it has the weights of all its pixels.
func (flattenOp) lower(l *lowering, s *step) error {
	l.of[s] = l.of[s.in[0]]
	return nil
}

// reshape gives the elements of x another shape of as many images.
func reshape(c *Context, layer string, x *G.Node, arg func(rank int) graph.Arg, to tensor.Shape) *G.Node {
	from := x.Shape()
	return c.b.Apply(graph.Op{
		Name: "reshape", Layer: layer, In: []graph.Arg{arg(from.Dims())}, Out: arg(to.Dims()), Shape: fixedShape(to...), InPlace: 1, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			if x.Dtype() == tensor.Float32 {
				return each(k, func(y, x, _ []float32) { copy(y, x) })
			}
			return eachCodes(k, func(y, x []uint8) { copy(y, x) })
		},
		Wrt: []bool{true},
		Gradient: func(_ []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{reshape(c, layer, dout, pictures, from)}
		},
	}, x)
}
