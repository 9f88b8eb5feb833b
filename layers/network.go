package layers

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/quantize"
)

// Input describes the pictures that a network takes, and what it tells of them.
type Input struct {
	Mean, Std []float32 // of pixel/255, of each channel
	Real      bool      // they are real numbers, no pixels; Mean and Std are of those
	Lo, Hi    float32   // range of a normalized pixel or number, which the first quantizer has
	Classes   []string
	Fit       integer.Fit // how files become images; zero where they are no files
}

// Network is a network with its arrays and quantizers.
type Network struct {
	Input      Input
	Store      *Store
	Quantizers []*Quantizer

	graph  *networks.Network
	quant  configs.Quant
	layers []*layer
	clock  *clock

	regularized []regularized
	penalties   []configs.Regularizer
	projects    bool // Project has something to do
	gradients   *gradientQuantizer
	costs       []layerCost // of a network whose bit widths are learned; else none
}

// New returns a network, quantized as a config says, with random weights drawn from seed (see [networks.Start]).
func New(graph *networks.Network, quant *configs.Quant, in Input, seed uint64) (*Network, error) {
	return Over(NewStore(), graph, quant, in, seed)
}

// Over is New over the arrays that a store has: those of layers stay what they are, and those of quantizers unless the
// config quantizes their tensor differently. They are in a store of the new network, in the order that it has from the
// start: what follows is that of such a network. The network that had the store before is not to be run after that.
func Over(store *Store, graph *networks.Network, quant *configs.Quant, in Input, seed uint64) (*Network, error) {
	n, err := describe(store, graph, quant, in, seed)
	if err == nil {
		err = n.Trainable()
	}
	if err != nil {
		return nil, err
	}
	n.randomize(seed)
	return n, nil
}

// Describe is New without weights, which stay 0: for what is to be known of a network that is not run, and also of one that
// cannot be trained yet.
func Describe(graph *networks.Network, quant *configs.Quant, in Input) (*Network, error) {
	return describe(NewStore(), graph, quant, in, 0)
}

func describe(store *Store, graph *networks.Network, quant *configs.Quant, in Input, seed uint64) (*Network, error) {
	sites, err := quantize.Place(graph, quant)
	if err != nil {
		return nil, err
	}
	if store == nil || store.at == nil {
		return nil, errNoStore
	}
	n := &Network{Input: in, Store: &Store{at: map[string]int{}, from: store}, graph: graph, quant: *quant, clock: &clock{seed: seed}}
	defer func() { n.Store.from = nil }()
	if n.layers, err = newLayers(graph); err != nil {
		return nil, err
	}
	if logits := n.layers[len(n.layers)-1].out.Len(); len(in.Classes) > 0 && len(in.Classes) != logits {
		return nil, fmt.Errorf("the network gives %d values, and the input has the names of %d classes; want as many", logits, len(in.Classes))
	}
	for _, l := range n.layers {
		if err := checkName(l.Name, sites); err != nil {
			return nil, err
		}
		l.clock = n.clock
		n.Store.hold(l.arrays...)
	}
	for _, s := range sites {
		if err := n.place(s); err != nil {
			return nil, err
		}
	}
	for _, l := range n.layers {
		l.atOffset()
	}
	if err := n.regularize(quant.Regularizers); err != nil {
		return nil, err
	}
	if err := n.learnBits(); err != nil {
		return nil, err
	}
	if b := quant.Gradients.Bits; b != configs.FP {
		n.gradients = &gradientQuantizer{estimators.DoReFaGradients{Bits: int(b)}, n.LayerNames()[0], n.clock}
	}
	return n, nil
}

// NameError tells of a node whose name something else has, in files of the network.
type NameError struct{ Node, Reason string }

// Error implements error.
func (e *NameError) Error() string { return e.Node + ": " + e.Reason }

func checkName(node string, sites []quantize.Site) error {
	isSite := func(s quantize.Site) bool { return s.Role != quantize.Weights && s.Name == node }
	switch {
	case Prefix(node) != "":
		return &NameError{node, fmt.Sprintf("in checkpoints, %s stands ahead of the names of nodes; want a name that begins otherwise", Prefix(node))}
	case node == "tensors":
		return &NameError{node, "NumPy's files have the scales of all tensors as tensors.scale; want another name"}
	case slices.ContainsFunc(sites, isSite):
		return &NameError{node, "the tensor of a quantizer has that name; want another"}
	}
	return nil
}

// place adds the quantizer of a site.
func (n *Network) place(s quantize.Site) error {
	q, err := n.layer(s.Node).quantizer(s)
	if err != nil {
		return err
	}
	n.Quantizers = append(n.Quantizers, q)
	q.Scale.Fixed = !q.Learned()
	q.clock = n.clock
	for _, a := range q.arrays() {
		a.of = fmt.Sprint(s.Spec, s.Signed)
		n.Store.hold(a)
	}
	if q.fixed {
		if err := q.setRange(n.Input.Lo, n.Input.Hi); err != nil {
			return fmt.Errorf("range of the input: %w", err)
		}
	}
	return nil
}

// layer returns the node of that name, which is there.
func (n *Network) layer(name string) *layer {
	for _, l := range n.layers {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// weighted lists the layers with weights, in order.
func (n *Network) weighted() (all []*layer) {
	for _, l := range n.layers {
		if l.Op.Weighted() {
			all = append(all, l)
		}
	}
	return all
}

// norms lists the batch norms, in order.
func (n *Network) norms() (all []*BatchNorm) {
	for _, l := range n.layers {
		if l.norm != nil {
			all = append(all, l.norm)
		}
	}
	return all
}

// randomize draws the initial weights; each parameter has its own stream, so
// that adding a layer leaves the others as they are.
func (n *Network) randomize(seed uint64) {
	for _, p := range n.Store.Of(Learned) {
		s := p.Value.Shape()
		last := len(s) - 1
		var draw func(rng *rand.Rand) float64
		normal := func(std float64) func(*rand.Rand) float64 {
			return func(rng *rand.Rand) float64 { return rng.NormFloat64() * std }
		}
		uniform := func(bound float64) func(*rand.Rand) float64 {
			return func(rng *rand.Rand) float64 { return (2*rng.Float64() - 1) * bound }
		}
		switch p.start {
		case networks.He:
			draw = normal(math.Sqrt(2 / float64(s.TotalSize()/s[last-1])))
		case networks.HeUniform:
			draw = uniform(math.Sqrt(6 / float64(s.TotalSize()/s[last])))
		case networks.Uniform:
			draw = uniform(1 / math.Sqrt(float64(s.TotalSize()/s[last])))
		case networks.Normal:
			draw = normal(0.01)
		default:
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(p.Name))
		rng := rand.New(rand.NewPCG(seed, h.Sum64()))
		for i := range p.Data() {
			p.Data()[i] = float32(draw(rng))
		}
	}
}

// LayerNames lists the layers that configs name: those with weights.
func (n *Network) LayerNames() (names []string) {
	for _, l := range n.weighted() {
		names = append(names, l.Name)
	}
	return names
}

// SetProgress tells where training stands: step counts from 0 of total. What
// draws at random depends on it, and so do options with a schedule.
func (n *Network) SetProgress(step int, progress float64) {
	if n.made() != nil {
		return
	}
	n.clock.step, n.clock.progress = step, progress
}

// Shape is the shape of one picture.
func (n *Network) Shape() networks.Shape {
	if n.made() != nil {
		return networks.Shape{}
	}
	return n.graph.Input
}

// Residual tells that there is what quant.residual says the bits of: sums, or quantizers of what operations without weights,
// or several layers, read.
func (n *Network) Residual() bool {
	return slices.ContainsFunc(n.layers, func(l *layer) bool { return l.output != nil || l.Op.Kind() == networks.Add{}.Kind() })
}

// Quantized tells that at least one tensor is quantized.
func (n *Network) Quantized() bool { return len(n.Quantizers) > 0 }

// errNoNetwork is that of a network that no function made.
var errNoNetwork = errors.New("there is no network; want one of New")

// made reports a network that no function made.
func (n *Network) made() error {
	if n == nil || n.graph == nil {
		return errNoNetwork
	}
	return nil
}

// errNoImages is that of a nil tensor, or of another shape.
var errNoImages = errors.New("there are no images; want a tensor (images, height, width, channels)")

// Build adds the network to a graph; x is (N, H, W, C), normalized, and the
// result the logits (N, classes).
func (n *Network) Build(c *Context, x *tensor.Dense) (*G.Node, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if err := n.takes(x); err != nil {
		return nil, err
	}
	c.gradients, c.images = n.gradients, x.Shape()[0]
	logits := newPlan(c, n.layers, nil).emit(c.b.Input("x", x))
	return logits, c.b.Err()
}

// takes reports a tensor of images that the network does not take.
func (n *Network) takes(x *tensor.Dense) error {
	if err := n.made(); err != nil {
		return err
	}
	if x == nil || x.Dims() == 0 {
		return errNoImages
	}
	s := n.Shape()
	if want := (tensor.Shape{x.Shape()[0], s.H, s.W, s.C}); x.Dtype() != tensor.Float32 || x.Dims() != 4 || !x.Shape().Eq(want) {
		return fmt.Errorf("the images are %v of %v; want (images, %d, %d, %d) of float32", x.Shape(), x.Dtype(), s.H, s.W, s.C)
	}
	return nil
}

// alike reports a batch of another shape than the first.
func alike(first, x *tensor.Dense) error {
	if x == nil {
		return errNoImages
	}
	if x.Dtype() != first.Dtype() || !x.Shape().Eq(first.Shape()) {
		return fmt.Errorf("a batch of images is %v of %v, and the first one %v of %v; want batches alike", x.Shape(), x.Dtype(), first.Shape(), first.Dtype())
	}
	return nil
}

// Node returns the parameter's node in the context's graph.
func (c *Context) Node(p *Array) *G.Node {
	if c.b == nil || p == nil || p.Value == nil {
		return nil
	}
	return c.node(p)
}
