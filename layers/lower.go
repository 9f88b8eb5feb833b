package layers

import (
	"fmt"
	"slices"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

// lowering is the integer network under construction.
type lowering struct {
	net   *integer.Network
	input networks.Shape
	of    map[*step]int // the tensor that holds what a step gives
	last  *step
}

// lowerer is an operation that has an integer form. What has none, as evaluation plans it, keeps a network from integers.
type lowerer interface {
	// lower adds the layer that computes the step; what it reads is there.
	lower(l *lowering, s *step) error
}

// Lower returns the integer network: what evaluation computes, with its fusions off. The error is a *NotIntegerError if
// there is none: see [Network.IntegerForm].
func (n *Network) Lower(name string) (*integer.Network, error) {
	if err := n.made(); err != nil {
		return nil, err
	}
	if err := n.IntegerForm(); err != nil {
		return nil, err
	}
	if n.learnsBits() {
		return nil, n.fractional()
	}
	l := &lowering{net: &integer.Network{Name: name, Classes: n.Input.Classes, Mean: n.Input.Mean, Std: n.Input.Std, Real: n.Input.Real, Fit: n.Input.Fit}, input: n.graph.Input, of: map[*step]int{}}
	for _, s := range n.evaluation().steps[1:] {
		if err := s.op.(lowerer).lower(l, s); err != nil { // IntegerForm has looked
			return nil, err
		}
		l.last = s
	}
	if last := l.last; !givesLogits(last) {
		l.logits(last)
	}
	if err := l.net.Check(); err != nil {
		return nil, fmt.Errorf("lowering: %w", err)
	}
	return l.net, nil
}

// givesLogits tells that a step is the linear layer that gives the logits.
func givesLogits(s *step) bool {
	_, ok := s.op.(foldedLinearOp)
	return ok
}

// logits adds a linear layer that gives codes as they are, where the last step gives codes.
func (l *lowering) logits(s *step) {
	t := l.net.Tensors[l.of[s]]
	n := t.Len()
	linear := &integer.Linear{Name: t.Name + ".logits", In: l.of[s], Out: n, Weights: make([]int8, n*n), WeightBits: 2, Bias: make([]int32, n)}
	for i := range n {
		linear.Weights[i*n+i] = 1
		linear.Scale = append(linear.Scale, t.Scale)
	}
	l.net.Layers = append(l.net.Layers, linear)
}

// evaluation is the plan of evaluation that is lowered.
func (n *Network) evaluation() *plan {
	c := NewContext(nil, false)
	c.off = map[string]bool{}
	for _, r := range slices.Concat(fusions, methods) {
		c.off[r.name] = true
	}
	return newPlan(c, n.layers, nil)
}

// floatSteps notes what evaluation computes in floating point but for the logits, where each layer by itself could run in
// integers.
func (n *Network) floatSteps(e *NotIntegerError) {
	p := n.evaluation()
	if last := p.steps[len(p.steps)-1]; len(e.Causes) == 0 && !givesLogits(last) && !last.givesCodes(p.c) {
		e.add(last.name, "it is last, and gives neither codes nor the sums of a linear layer")
	}
	var images *Quantizer // of what the network reads
	for i, s := range p.steps[1:] {
		if slices.Contains(s.in, p.steps[0]) {
			switch o, ok := s.op.(quantizeOp); {
			case !ok:
				e.add(s.name, imagesRead)
				continue
			case images == nil:
				images = o.q
			case !images.fixed || !o.q.fixed:
				e.add(s.name, imagesRead)
				continue
			case images.levelRange() != o.q.levelRange():
				e.add(s.name, fmt.Sprintf("%s gives the images other bits; give both the same", images.Name))
				continue
			}
		}
		if _, ok := s.op.(lowerer); !ok || i < len(p.steps)-2 && !s.givesCodes(p.c) {
			e.add(s.name, "what it gives is not quantized before something else reads it")
		}
	}
}

// imagesRead is why what reads the images is none of an integer network.
const imagesRead = "it reads the images, which have codes for convolutions and linear layers alone; put one before it"

func (l *lowering) fail(layer string, err error) error {
	return fmt.Errorf("%s: %w", layer, err)
}

// ready checks that a layer's quantizers have a scale, and brings their zero points up to date.
func (l *lowering) ready(layer string, qs ...*Quantizer) error {
	for _, q := range qs {
		if !q.Calibrated() {
			return &NotIntegerError{[]Cause{{[]string{layer}, "quantizer " + q.Name + " has no scale yet; train or calibrate first"}}}
		}
		if q.ZeroPoint != nil {
			if err := q.rescale(nil); err != nil {
				return l.fail(layer, err)
			}
		}
	}
	return nil
}

// tensor adds the tensor that q describes, which holds what s gives.
func (l *lowering) tensor(s *step, q *Quantizer, shape networks.Shape) int {
	t := q.tensor(shape)
	t.Name = s.name
	return l.add(s, t)
}

// tensor is an image of codes of the quantizer.
func (q *Quantizer) tensor(shape networks.Shape) integer.Tensor {
	return integer.Tensor{
		Name: q.Name, H: shape.H, W: shape.W, C: shape.C, Bits: q.Bits(), Signed: q.centred(), Narrow: q.levelRange().Narrow, Scale: q.Scale.Data()[0], ZeroPoint: q.zeroPoint(),
	}
}

func (l *lowering) add(s *step, t integer.Tensor) int {
	l.net.Tensors = append(l.net.Tensors, t)
	l.of[s] = len(l.net.Tensors) - 1
	return l.of[s]
}

// shape is the shape of what a step, which is lowered, gives.
func (l *lowering) shape(s *step) networks.Shape {
	t := l.net.Tensors[l.of[s]]
	return networks.Shape{H: t.H, W: t.W, C: t.C}
}

// weights are the integer weights of a layer and how its sums fold.
func (l *lowering) weights(layer *layer, fold func() integer.Folded) (codes []int8, f integer.Folded, err error) {
	if err := l.ready(layer.Name, layer.weights, layer.input); err != nil {
		return nil, f, err
	}
	w := layer.weight().Data()
	if err := layer.weights.update(false, w); err != nil {
		return nil, f, l.fail(layer.Name, err)
	}
	if f = fold(); f.Check() != nil {
		return nil, f, l.fail(layer.Name, f.Check())
	}
	if codes, err = layer.weights.codesOf(w); err != nil {
		return nil, f, l.fail(layer.Name, err)
	}
	return codes, f, nil
}
