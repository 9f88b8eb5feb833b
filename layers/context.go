package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// Context is what layers need to build themselves into a graph.
type Context struct {
	B    *graph.Builder
	Pool *kernels.Pool
	// Train selects batch statistics in batch norm, and lets quantizers without
	// a scale calibrate themselves on the first batch. Evaluation uses running
	// statistics and the arithmetic of the integer network, biases rounded.
	Train bool

	nodes     map[*Array]*G.Node
	moved     []moved
	gradients *gradientQuantizer // nil: floating point
	off       map[string]bool    // rewrites that are off, by name; for tests
	watches   bool               // fill watched
	watched   []watched
}

// watched is what a quantizer of activations gives: codes, or values.
type watched struct {
	quant *Quantizer
	node  *G.Node
}

// watch notes what a quantizer gives.
func (c *Context) watch(q *Quantizer, v Value) {
	node := v.codes
	if node == nil {
		node = v.float
	}
	c.watched = append(c.watched, watched{q, node})
}

// moved is what a step makes of an array that gradients do not move.
type moved struct {
	array *Array
	node  *G.Node
}

// moves notes what a step makes of an array.
func (c *Context) moves(a *Array, to *G.Node) { c.moved = append(c.moved, moved{a, to}) }

// Moved lists what the graph computes of arrays that gradients do not move, such as running statistics. Operations leave
// the arrays as they are: a machine has these nodes among its outputs if its owner wants to Commit.
func (c *Context) Moved() (nodes []*G.Node) {
	for _, m := range c.moved {
		nodes = append(nodes, m.node)
	}
	return nodes
}

// Commit stores what the last run made of those arrays. Without it the run has not been.
func (c *Context) Commit() {
	for _, m := range c.moved {
		copy(m.array.Data(), m.node.Value().(*tensor.Dense).Float32s())
	}
}

// NewContext returns a context over a new graph.
func NewContext(pool *kernels.Pool, train bool) *Context {
	return &Context{B: graph.New(), Pool: pool, Train: train, nodes: map[*Array]*G.Node{}}
}

// node returns the array's node in the graph.
func (c *Context) node(p *Array) *G.Node {
	if n, ok := c.nodes[p]; ok {
		return n
	}
	add := c.B.Input
	if p.Role == Learned {
		add = c.B.Param
	}
	n := add(p.Name, p.Value)
	c.nodes[p] = n
	return n
}

// f32 and i8 are operand types of the given rank that an operation sees whole.
func f32(rank int) graph.Arg { return graph.Arg{Dtype: tensor.Float32, Rank: rank} }
func i8(rank int) graph.Arg  { return graph.Arg{Dtype: tensor.Int8, Rank: rank} }

// pictures and codes are operands that a loop sees one picture at a time.
func pictures(rank int) graph.Arg { return graph.Arg{Dtype: tensor.Float32, Rank: rank, Picture: true} }
func codes(rank int) graph.Arg    { return graph.Arg{Dtype: tensor.Uint8, Rank: rank, Picture: true} }

// each is a loop that maps pictures x (and g, if there are two inputs) to y.
func each(k *graph.Call, do func(y, x, g []float32)) graph.Loop {
	var y, x, g kernels.Pictures[float32]
	return graph.Loop{
		Before: func() error {
			y, x = k.OutPictures(), k.Pictures(0)
			g = x
			if len(k.In) > 1 {
				g = k.Pictures(1)
			}
			return nil
		},
		Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) { do(y.At(s, n), x.At(s, n), g.At(s, n)) }},
	}
}

// sameShape is the shape rule of an operation whose output is like input i.
func sameShape(i int) func([]tensor.Shape) (tensor.Shape, error) {
	return func(in []tensor.Shape) (tensor.Shape, error) { return in[i], nil }
}

// fixedShape is the shape rule of an operation whose output shape is known.
func fixedShape(s ...int) func([]tensor.Shape) (tensor.Shape, error) {
	return func([]tensor.Shape) (tensor.Shape, error) { return s, nil }
}
