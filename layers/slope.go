package layers

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// Slope has the gradients of a network's mean cross-entropy on a batch of images, with batch norm and dropout as in evaluation.
// One goroutine uses it at a time.
type Slope struct {
	// Tensors are those of which it has the gradient: of each layer with weights, in order, the weights, or what it reads.
	Tensors []Tangent

	images int
	x, y   *tensor.Dense
	loss   *G.Node
	vm     *machine.Machine
	gates  gates
}

// Tangent is a tensor with its gradient.
type Tangent struct {
	Layer string
	// Values are the weights, or what is added to what the layer reads, (images, ...), which is 0 at first. They may be changed
	// between runs.
	Values []float32

	gradient *G.Node
}

// Gradient is that of the last run.
func (t Tangent) Gradient() []float32 {
	if t.gradient == nil {
		return nil
	}
	return t.gradient.Value().(*tensor.Dense).Float32s()
}

// NewSlope returns the slope of a network without quantizers, such as [Network.Float], for batches of so many images, along its
// weights or, if inputs, along what layers read. The network then stays as in evaluation, in training too.
func NewSlope(pool *threads.Pool, n *Network, images int, inputs bool) (*Slope, error) {
	if err := n.measurable(images); err != nil {
		return nil, err
	}
	n.FreezeBatchNorm(true)
	n.clock.steady = true
	in := n.Shape()
	s := &Slope{
		images: images,
		x:      tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(images, in.H, in.W, in.C)),
		y:      tensor.New(tensor.Of(tensor.Int32), tensor.WithShape(images)),
	}
	c := NewContext(pool, true)
	c.gates = &s.gates
	shifts := map[string]*Array{}
	if inputs {
		c.tap = func(layer string) operation { return shiftOp{layer, shifts} }
	}
	logits, err := n.Build(c, s.x)
	if err != nil {
		return nil, err
	}
	s.loss = CrossEntropy(c, logits, Targets{Labels: c.Input("y", s.y)})
	var along []*G.Node
	for _, l := range n.weighted() {
		a := l.weight()
		if inputs {
			a = shifts[l.Name]
		}
		along = append(along, c.node(a))
		s.Tensors = append(s.Tensors, Tangent{Layer: l.Name, Values: a.Data()})
	}
	gradients, err := c.Grad(s.loss, along...)
	if err != nil {
		return nil, err
	}
	for i, g := range gradients {
		s.Tensors[i].gradient = g
	}
	s.vm, err = machine.New((*kernels.Pool)(pool), machine.Options{}, append([]*G.Node{s.loss}, gradients...)...)
	return s, err
}

// errQuantized refuses a network that rounds.
var errQuantized = errors.New("the network has quantizers; want that of Float")

// Run returns the mean loss of images x (images, H, W, C), normalized.
func (s *Slope) Run(x []float32, labels []int32) (float64, error) {
	if s == nil || s.vm == nil {
		return 0, errNoSlope
	}
	if len(x) != len(s.x.Float32s()) || len(labels) != s.images {
		return 0, fmt.Errorf("%d values and %d labels; want %d images of %v", len(x), len(labels), s.images, s.x.Shape()[1:])
	}
	copy(s.x.Float32s(), x)
	copy(s.y.Int32s(), labels)
	s.gates.kept = false
	return s.run()
}

// Near is [Slope.Run] on the same images with the values as they are now, in the piece of the loss in which that run was: what
// ReLU let through, and what max pooling took, it does again. The loss has second derivatives there, and the difference of two
// such gradients shows them, not the kinks between.
func (s *Slope) Near() (float64, error) {
	if s == nil || s.vm == nil {
		return 0, errNoSlope
	}
	s.gates.kept = true
	return s.run()
}

func (s *Slope) run() (float64, error) {
	if err := s.vm.RunAll(); err != nil {
		return 0, err
	}
	return float64(*s.loss.Value().(*G.F32)), nil
}

var errNoSlope = errors.New("there is no slope; want one of NewSlope")

// shiftOp adds an array of its own to what a layer reads.
type shiftOp struct {
	layer  string
	shifts map[string]*Array
}

func (o shiftOp) emit(c *Context, s *step) Value {
	x := s.in[0].out.Float(c)
	a := newArray(o.layer+".shift", Learned, x.Shape()...)
	o.shifts[o.layer] = a
	return Value{float: add(c, o.layer, x, c.node(a))}
}
