package layers

import (
	"errors"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/threads"
)

// Context is what layers need to build themselves into a graph.
type Context struct {
	b    *graph.Builder
	pool *kernels.Pool
	// Train selects batch statistics in batch norm, and moves what methods keep
	// beside what they learn. Evaluation uses running statistics and the
	// arithmetic of the integer network, biases rounded.
	Train bool
	// Batch is the number of images of which a step takes the mean loss; 0: those that the graph sees. If that is a piece of
	// them only, First is the index of its first image, which may change between runs. The gradients of the pieces then add up
	// to those of the batch, but for the rounding of sums (to 1e-5 of the largest; no bits are promised), if batch norm is
	// frozen: else it takes the statistics of the piece.
	Batch, First int

	nodes     map[*Array]*G.Node
	works     map[*Array]*Array
	bound     map[*Quantizer]*Quantizer
	started   *Quantizer         // whose state stays in this run, from whose batch it starts; nil: none
	images    int                // that the graph sees; 0: nobody counts
	gradients *gradientQuantizer // nil: floating point
	off       map[string]bool    // rewrites that are off, by name; for tests
	spare     spare              // of the quantizers of weights
	watches   bool               // fill watched
	watched   []watched
	inPieces  bool                         // CommitPiece has stored a part of a batch
	before    map[*Array][]float32         // it
	tap       func(layer string) operation // stands in front of layers with weights; nil: nothing
	gates     *gates                       // of what is linear in pieces; nil: none
}

// watched is what a quantizer of activations gives: codes, or values.
type watched struct {
	quant *Quantizer
	node  *G.Node
}

// batch is the number of images of the step of which the graph sees n.
func (c *Context) batch(n int) int {
	if c.Batch == 0 {
		return n
	}
	return c.Batch
}

// share is the part of the step's images that the graph sees.
func (c *Context) share() float64 {
	if c.images == 0 {
		return 1
	}
	return float64(c.images) / float64(c.batch(c.images))
}

// watch notes what a quantizer gives.
func (c *Context) watch(q *Quantizer, v Value) {
	node := v.codes
	if node == nil {
		node = v.float
	}
	c.watched = append(c.watched, watched{q, node})
}

// work returns room for what a step makes of an array that gradients do not move, the same each time. Operations write there
// and leave the array as it is.
func (c *Context) work(a *Array) *Array {
	w, ok := c.works[a]
	if !ok {
		copied := *a
		w = &copied
		w.Value = a.Value.Clone().(*tensor.Dense)
		c.works[a] = w
	}
	return w
}

// bind returns the layer as operations of the graph have it.
func (c *Context) bind(l *layer) *layer {
	b := *l
	b.weights, b.input, b.output = c.quantizer(l.weights), c.quantizer(l.input), c.quantizer(l.output)
	return &b
}

// quantizer returns a quantizer as operations of the graph have it, the same each time: they bring up to date what moves
// without gradients as work of the context.
func (c *Context) quantizer(q *Quantizer) *Quantizer {
	if q == nil {
		return nil
	}
	b, ok := c.bound[q]
	if !ok {
		b = q.boundTo(c)
		c.bound[q] = b
	}
	return b
}

// Commit stores what the last run of the graph made of arrays that gradients do not move, such as running statistics.
// Without it the run has changed nothing, and the next one gives the same.
func (c *Context) Commit() {
	c.commit(func(*Array) bool { return true })
	c.inPieces = false
}

// commit is Commit for some of the arrays.
func (c *Context) commit(of func(*Array) bool) {
	for a, w := range c.works {
		if of(a) {
			copy(a.Data(), w.Data())
		}
	}
}

// NewContext returns a context over a new graph.
func NewContext(pool *threads.Pool, train bool) *Context {
	return &Context{b: graph.New(), pool: (*kernels.Pool)(pool), Train: train, nodes: map[*Array]*G.Node{}, works: map[*Array]*Array{}, bound: map[*Quantizer]*Quantizer{}}
}

// Input adds what is given to each step to the graph, such as labels.
func (c *Context) Input(name string, v *tensor.Dense) *G.Node {
	if c.b == nil {
		return nil
	}
	return c.b.Input(name, v)
}

// Grad adds the gradients of a loss with respect to nodes to the graph.
func (c *Context) Grad(loss *G.Node, wrt ...*G.Node) ([]*G.Node, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	return c.b.Grad(loss, wrt...)
}

// usable reports a context that NewContext has not made, or not with threads.
func (c *Context) usable() error {
	if c == nil || c.b == nil {
		return errors.New("there is no context to build in; want one of NewContext")
	}
	return c.pool.Usable()
}

// node returns the array's node in the graph.
func (c *Context) node(p *Array) *G.Node {
	if n, ok := c.nodes[p]; ok {
		return n
	}
	add := c.b.Input
	if p.Role == Learned {
		add = c.b.Param
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

// eachCodes is a loop that maps the codes x of pictures to codes y.
func eachCodes(k *graph.Call, do func(y, x []uint8)) graph.Loop {
	var y, x kernels.Pictures[uint8]
	return graph.Loop{
		Before: func() error { y, x = k.OutCodes(), k.Codes(0); return nil },
		Body:   &kernels.Each{Do: func(s *kernels.Scratch, n int) { do(y.At(s, n), x.At(s, n)) }},
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
