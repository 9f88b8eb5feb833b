package graph

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
)

// Arg is the element type and rank of an operand; rank 0 is a scalar, whose
// value is a *gorgonia.F32. Picture says that the first axis counts pictures,
// and that a Loop reads or writes them one at a time.
type Arg struct {
	Dtype   tensor.Dtype
	Rank    int
	Picture bool
}

// Buffer is the element type and shape of an auxiliary output.
type Buffer struct {
	Dtype tensor.Dtype
	Shape tensor.Shape
}

// Work is how many products with their sums an operation needs at least, of floats and of codes.
type Work struct{ Floats, Codes float64 }

// Op describes an operation. It must sit in one node only: build a new value
// for each use.
type Op struct {
	Name  string // what it computes, for instance "conv2d"
	Layer string // where, for instance "layer1.0.conv1"; in errors and profiles
	Attrs string // every attribute that changes the result
	In    []Arg
	Out   Arg

	// Shape returns the output's shape; ranks and types are checked already.
	Shape func(in []tensor.Shape) (tensor.Shape, error)
	// Aux lists further outputs that the gradient reads through Builder.Aux.
	Aux func(in []tensor.Shape) []Buffer
	// Forward computes outputs from inputs, which it must not modify.
	Forward func(c *Call) error
	// Loop, instead of Forward, returns the computation as a loop over pictures.
	// A machine may fuse it with others: operands marked Picture are then to be
	// touched in the loop's Picture only, the others in Before or Begin.
	Loop func(c *Call) Loop
	// Pixelwise says that all Picture operands have one shape, and that the loop computes each pixel alone or adds pixels up in
	// order: a machine may then have it take a picture in parts.
	Pixelwise bool
	// Pool runs the loop.
	Pool *kernels.Pool
	// Work is what a roofline counts of it; zero for element-wise passes.
	Work Work
	// InPlace is 1 + the index of an input whose buffer the output may take,
	// if nothing else needs that input; 0 for none.
	InPlace int
	// OrderOnly marks inputs that Forward does not read: they order nodes and
	// carry gradients.
	OrderOnly []bool

	// Wrt says for which inputs Gradient returns a node; nil for none.
	Wrt []bool
	// Gradient returns dL/dinput for each input, nil where Wrt is false.
	Gradient func(in []*G.Node, out, dout *G.Node) []*G.Node
}

// Call holds the values of one execution. Slices are in the memory order of
// the tensors.
type Call struct {
	Out G.Value
	Aux []*tensor.Dense
	In  []G.Value

	// Fused says that Picture operands are complete in the loop only. Local ones
	// exist for the picture in work of each worker.
	Fused    bool
	LocalOut bool
	LocalIn  []bool
	Workers  int
}

// F32, U8, I8 and I32 return the elements of input i.
func (c *Call) F32(i int) []float32 { return c.In[i].(*tensor.Dense).Float32s() }
func (c *Call) U8(i int) []uint8    { return c.In[i].(*tensor.Dense).Uint8s() }
func (c *Call) I8(i int) []int8     { return c.In[i].(*tensor.Dense).Int8s() }
func (c *Call) I32(i int) []int32   { return c.In[i].(*tensor.Dense).Int32s() }

// Scalar returns the scalar input i.
func (c *Call) Scalar(i int) float32 { return float32(*c.In[i].(*G.F32)) }

// OutF32, OutU8 and OutI8 return the elements of the output.
func (c *Call) OutF32() []float32 { return c.Out.(*tensor.Dense).Float32s() }
func (c *Call) OutU8() []uint8    { return c.Out.(*tensor.Dense).Uint8s() }
func (c *Call) OutI8() []int8     { return c.Out.(*tensor.Dense).Int8s() }

// SetScalar sets a scalar output.
func (c *Call) SetScalar(v float32) { *c.Out.(*G.F32) = G.F32(v) }

// opNode is an Op in the graph; it implements gorgonia.SDOp and
// gorgonia.UsePreallocDoer.
type opNode struct {
	Op
	id      uint64
	b       *Builder
	proj    *projection // set if the node reads an auxiliary output
	auxSpec []Buffer
	aux     []*tensor.Dense
}

type projection struct {
	src *opNode
	k   int
}

func (o *opNode) check(children []*G.Node) error {
	if len(children) != len(o.In) {
		return fmt.Errorf("%s: %d inputs, want %d", o, len(children), len(o.In))
	}
	shapes := make([]tensor.Shape, len(children))
	for i, c := range children {
		if c == nil {
			return fmt.Errorf("%s: input %d is nil", o, i)
		}
		shapes[i] = c.Shape()
		if c.Dtype() != o.In[i].Dtype || len(shapes[i]) != o.In[i].Rank {
			return fmt.Errorf("%s: input %d is %v %v, want %v of rank %d", o, i, c.Dtype(), shapes[i], o.In[i].Dtype, o.In[i].Rank)
		}
	}
	if _, err := o.Shape(shapes); err != nil {
		return fmt.Errorf("%s: %w", o, err)
	}
	if o.Aux != nil {
		o.auxSpec = o.Aux(shapes)
	}
	return nil
}

// String names the operation and its layer, if they are called differently.
func (o *opNode) String() string {
	if o.Layer == "" || o.Layer == o.Name {
		return o.Name
	}
	return o.Layer + ": " + o.Name
}

func (o *opNode) Arity() int           { return len(o.In) }
func (o *opNode) ReturnsPtr() bool     { return true }
func (o *opNode) CallsExtern() bool    { return false }
func (o *opNode) OverwritesInput() int { return -1 } // the tape machine would alias buffers

// Type returns a new object on each call: ApplyOp puts it into a pool.
func (o *opNode) Type() hm.Type {
	ts := make([]hm.Type, 0, len(o.In)+1)
	for _, a := range append(append([]Arg{}, o.In...), o.Out) {
		ts = append(ts, a.hmType())
	}
	return hm.NewFnType(ts...)
}

func (a Arg) hmType() hm.Type {
	if a.Rank == 0 {
		return a.Dtype
	}
	return G.TensorType{Dims: a.Rank, Of: a.Dtype}
}

func (o *opNode) InferShape(in ...G.DimSizer) (tensor.Shape, error) {
	shapes := make([]tensor.Shape, len(in))
	for i, d := range in {
		s, ok := d.(tensor.Shape)
		if !ok {
			return nil, fmt.Errorf("%s: input %d has no shape", o, i)
		}
		shapes[i] = s
	}
	return o.Shape(shapes)
}

// WriteHash includes the id, so that Gorgonia never merges two nodes of ours.
func (o *opNode) WriteHash(h hash.Hash) { fmt.Fprintf(h, "qat.%s{%s}#%d", o.Name, o.Attrs, o.id) }

func (o *opNode) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// DiffWRT must have an entry for each input.
func (o *opNode) DiffWRT(n int) []bool {
	if o.Wrt == nil {
		return make([]bool, n)
	}
	return o.Wrt
}

func (o *opNode) SymDiff(in G.Nodes, out, dout *G.Node) (G.Nodes, error) {
	if o.Gradient == nil {
		return nil, fmt.Errorf("%s: not differentiable", o)
	}
	grads := o.Gradient(in, out, dout)
	if o.b.err != nil {
		return nil, o.b.err
	}
	for i, w := range o.Wrt {
		if w && grads[i] == nil {
			return nil, fmt.Errorf("%s: no gradient for input %d", o, i)
		}
	}
	return grads, nil
}

// Do serves the tape machine: it allocates the outputs.
func (o *opNode) Do(in ...G.Value) (G.Value, error) {
	shapes := make([]tensor.Shape, len(in))
	for i, v := range in {
		shapes[i] = v.Shape()
	}
	shape, err := o.Shape(shapes)
	if err != nil {
		return nil, err
	}
	o.aux = o.aux[:0]
	for _, b := range o.auxSpec {
		o.aux = append(o.aux, tensor.New(tensor.Of(b.Dtype), tensor.WithShape(b.Shape...)))
	}
	return o.UsePreallocDo(NewValue(o.Out, shape), in...)
}

// UsePreallocDo computes into out, and into the auxiliary buffers bound before.
func (o *opNode) UsePreallocDo(out G.Value, in ...G.Value) (G.Value, error) {
	if len(o.aux) != len(o.auxSpec) {
		return nil, errors.New(o.String() + ": auxiliary outputs are not bound")
	}
	if err := o.forward(&Call{Out: out, Aux: o.aux, In: in}); err != nil {
		return nil, err
	}
	return out, nil
}

// forward computes one call of an operation that stands alone.
func (o *opNode) forward(c *Call) error {
	if o.Loop == nil {
		return o.Forward(c)
	}
	l := o.Loop(c)
	return RunLoops(o.Pool, o.pictures(c), nil, nil, []Loop{l}, []kernels.Loop{l.Body})
}

// pictures returns the size of the batch that the operation's loop runs over.
func (o *opNode) pictures(c *Call) int {
	for i, a := range o.In {
		if a.Picture {
			return c.In[i].Shape()[0]
		}
	}
	return c.Out.Shape()[0]
}

// NewValue returns a zero value of an operand's type.
func NewValue(a Arg, shape tensor.Shape) G.Value {
	if a.Rank == 0 {
		return G.NewF32(0)
	}
	return tensor.New(tensor.Of(a.Dtype), tensor.WithShape(shape...))
}
