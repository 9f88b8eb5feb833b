package layers

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/integer"
)

// Input describes the pictures that a network takes.
type Input struct {
	Height, Width, Channels int
	Mean, Std               [3]float32 // of pixel/255
	Lo, Hi                  float32    // range of a normalized pixel
	Classes                 []string
}

// Network is a network with its parameters, buffers and quantizers.
type Network struct {
	Model      configs.Model
	Input      Input
	Params     []*Param
	Buffers    []*Buffer
	Quantizers []*Quantizer
	net        *ResNet
	clock      *clock

	regularized []regularized
	penalties   []configs.Regularizer
	projects    bool // Project has something to do
	gradients   *gradientQuantizer
}

// New returns the network that a config's model and quant describe, with random weights (He
// et al. 2015, arXiv 1502.01852: normal, variance 2/fan-out for convolutions)
// drawn from seed.
func New(model configs.Model, quant *configs.Quant, in Input, seed uint64) (*Network, error) {
	if model.Arch != configs.ResNet20 {
		return nil, fmt.Errorf("network %q is not built; available: %s", model.Arch, configs.ResNet20)
	}
	if in.Height != 32 || in.Width != 32 || in.Channels != 3 {
		return nil, fmt.Errorf("%s takes pictures of (32,32,3), the data has (%d,%d,%d)", model.Arch, in.Height, in.Width, in.Channels)
	}
	net, err := newResNet(quant, model.Block, 3, len(in.Classes))
	if err != nil {
		return nil, err
	}
	n := &Network{Model: model, Input: in, net: net, clock: &clock{seed: seed}}
	learned := n.net.activations()
	for _, c := range n.net.convs() {
		n.Params = append(n.Params, c.Weight, c.Norm.Gamma, c.Norm.Beta)
		if a := learned[c]; a != nil {
			n.Params = append(n.Params, a.params()...)
		}
		n.Buffers = append(n.Buffers, c.Norm.Mean, c.Norm.Var)
	}
	n.Params = append(n.Params, n.net.Head.Weight, n.net.Head.Bias)
	for _, q := range n.net.quantizers() {
		if q == nil {
			continue
		}
		n.Quantizers = append(n.Quantizers, q)
		n.Params = append(n.Params, q.Scale)
		if q.ZeroPoint != nil {
			n.Buffers = append(n.Buffers, q.ZeroPoint)
		}
		if m := q.method; m != nil {
			m.clock = n.clock
			n.Params = append(n.Params, m.learned...)
			if n.Buffers = append(n.Buffers, m.state...); m.updates != nil {
				n.Buffers = append(n.Buffers, m.updates)
			}
		}
		if q.fixed {
			if err := q.setRange(in.Lo, in.Hi); err != nil {
				return nil, fmt.Errorf("range of the input: %w", err)
			}
		}
	}
	if err := n.regularize(quant.Regularizers); err != nil {
		return nil, err
	}
	if b := quant.Gradients.Bits; b != configs.FP {
		n.gradients = &gradientQuantizer{estimators.DoReFaGradients{Bits: int(b)}, n.net.Stem.Name, n.clock}
	}
	n.randomize(seed)
	return n, nil
}

// randomize draws the initial weights; each parameter has its own stream, so
// that adding a layer leaves the others as they are.
func (n *Network) randomize(seed uint64) {
	for _, p := range n.Params {
		if p.Group != Weights {
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(p.Name))
		rng := rand.New(rand.NewPCG(seed, h.Sum64()))
		s := p.Value.Shape()
		if len(s) == 4 {
			std := math.Sqrt(2 / float64(s[0]*s[1]*s[3]))
			for i := range p.Data() {
				p.Data()[i] = float32(rng.NormFloat64() * std)
			}
			continue
		}
		bound := 1 / math.Sqrt(float64(s[0]))
		for i := range p.Data() {
			p.Data()[i] = float32((2*rng.Float64() - 1) * bound)
		}
	}
}

// LayerNames lists the layers that configs name ([configs.LayerNames]):
// convolutions and the linear layer.
func (n *Network) LayerNames() []string {
	var names []string
	for _, c := range n.net.convs() {
		names = append(names, c.Name)
	}
	return append(names, n.net.Head.Name)
}

// Learnable returns the parameters that training updates.
func (n *Network) Learnable() []*Param {
	fixed := map[*Param]bool{}
	for _, q := range n.Quantizers {
		fixed[q.Scale] = !q.Learned()
	}
	var ps []*Param
	for _, p := range n.Params {
		if !fixed[p] {
			ps = append(ps, p)
		}
	}
	return ps
}

// SetProgress tells where training stands: step counts from 0 of total. What
// draws at random depends on it, and so do options with a schedule.
func (n *Network) SetProgress(step, total int) {
	n.clock.step, n.clock.progress = step, float64(step)/float64(max(total, 1))
}

// Quantized tells that at least one tensor is quantized.
func (n *Network) Quantized() bool { return len(n.Quantizers) > 0 }

// Build adds the network to a graph; x is (N, H, W, C), normalized, and the
// result the logits (N, classes).
func (n *Network) Build(c *Context, x *tensor.Dense) (*G.Node, error) {
	c.gradients = n.gradients
	logits := n.net.build(c, c.B.Input("x", x))
	return logits, c.B.Err()
}

// Node returns the parameter's node in the context's graph.
func (c *Context) Node(p *Param) *G.Node { return c.node(p) }

// Lower returns the integer network. The error is a *NotIntegerError if there is
// none: see [Network.IntegerForm].
func (n *Network) Lower(name string) (*integer.Network, error) {
	if err := n.IntegerForm(); err != nil {
		return nil, err
	}
	l := &lowering{net: &integer.Network{Name: name, Classes: n.Input.Classes, Mean: n.Input.Mean, Std: n.Input.Std}}
	if err := n.net.lower(l, n.Input.Height, n.Input.Width); err != nil {
		return nil, err
	}
	if err := l.net.Check(); err != nil {
		return nil, fmt.Errorf("lowering: %w", err)
	}
	return l.net, nil
}
