package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/networks"
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

// flatRead is why what reads a flattened image is none of an integer network.
const flatRead = "it reads a flattened image, which has channels for linear layers alone in integers; put it before flatten, or behind a linear layer"

// flatReads notes the nodes whose integer form does not make of an image, which flattening leaves as it is there, what they
// make of its elements as channels.
func (n *Network) flatReads(e *NotIntegerError) {
	flat := map[string]networks.Shape{} // the image, by the nodes that give it flattened
	for _, l := range n.layers {
		of := flat[l.Inputs[0]]
		passes := of != networks.Shape{}
		switch op := l.Op.(type) {
		case networks.Flatten:
			if !passes && l.in[0].H*l.in[0].W > 1 {
				of = l.in[0]
			}
			flat[l.Name] = of
			continue
		case networks.ReLU, networks.ReLU6, networks.LeakyReLU, networks.Dropout:
			flat[l.Name] = of
			continue
		case networks.Add:
			if flat[l.Name] = of; of == flat[l.Inputs[1]] {
				continue
			}
			passes = true
		case networks.Linear:
			continue
		case networks.Conv:
			if op.Kernel == (networks.Size{H: 1, W: 1}) && op.Pad == (networks.Pad{}) && op.Groups <= 1 {
				continue
			}
		}
		if passes {
			e.add(l.Name, flatRead)
		}
	}
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
