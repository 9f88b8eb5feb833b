// Package quantize says where a network has quantizers: a pass over the network as a value and the quant section of a
// config, without data.
package quantize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// Role says which tensor of its node a quantizer has.
type Role int

// The roles.
const (
	Input   Role = iota // what the node, and no other, reads
	Weights             // its weights
	Output              // what it gives, to all that read it
)

// Site is the place of one quantizer.
type Site struct {
	Name string // of the tensor, for instance "layer1.0.conv1.input"
	Role Role
	Node string // reads, holds or gives the tensor
	Spec configs.TensorSpec
	// Signed says that real values of both signs come there: what a weight has, and an activation unless it follows a ReLU
	// or the config says otherwise.
	Signed bool
	// Channels is the length of the tensor's last axis.
	Channels int
	// Picture says that it is the network's input, whose range is known without data.
	Picture bool
}

// Place lists the quantizers of a network in order of execution: those of what nodes with weights read, of the weights,
// and of the residual stream.
func Place(n *networks.Network, q *configs.Quant) ([]Site, error) {
	p, err := newPlacement(n, q)
	if err != nil {
		return nil, err
	}
	return p.sites, nil
}

func newPlacement(n *networks.Network, q *configs.Quant) (*placement, error) {
	shapes, err := n.Shapes()
	if err == nil && q == nil {
		err = errors.New("there is nothing that says what is quantized; want configs.Quant")
	}
	if err != nil {
		return nil, err
	}
	p := &placement{Network: n, quant: q, shapes: shapes, readers: n.Readers(), outputs: map[string]Site{}, why: map[string]string{}, codeReaders: map[string]bool{}, positive: positive(n)}
	p.residual()
	for _, node := range n.Nodes {
		if node.Op.Weighted() {
			p.layer(node)
		}
		if s, ok := p.outputs[node.Name]; ok {
			p.sites = append(p.sites, s)
		}
	}
	return p, nil
}

type placement struct {
	*networks.Network
	quant       *configs.Quant
	shapes      map[string]networks.Shape
	readers     map[string][]string
	outputs     map[string]Site   // by node
	why         map[string]string // they are there
	codeReaders map[string]bool   // nodes without weights that are computed from codes
	positive    map[string]bool   // nodes that give no negative value
	sites       []Site
}

// ends is [Ends] of the network.
func (p *placement) ends(layer string) (first, last bool) { return Ends(p.Network, layer) }

// Ends tells whether a layer is one of the first, which read the images, or the last, which have bits of their own.
func Ends(n *networks.Network, layer string) (first, last bool) {
	if n == nil || n.Node(layer) == nil || len(n.Weighted()) == 0 {
		return false, false
	}
	layers := n.Weighted()
	return layer == layers[0].Name || picture(n, n.Node(layer).Inputs[0]), layer == layers[len(layers)-1].Name
}

// picture tells that the values of a node are the images', moved at most.
func picture(n *networks.Network, name string) bool {
	for node := n.Node(name); node != nil && node.Op.Moves(); node = n.Node(name) {
		name = node.Inputs[0]
	}
	return name == networks.Input
}

// layer places the quantizers of a node with weights and of what it reads.
func (p *placement) layer(node networks.Node) {
	first, last := p.ends(node.Name)
	w, a := p.quant.Resolve(node.Name, first, last)
	from := node.Inputs[0]
	fixed := picture(p.Network, from)
	if fixed {
		a.Estimator, a.Calibration, a.Signed, a.STE, a.Options = configs.Affine, configs.CalibrateMinMax, configs.SignedFalse, configs.STEAuto, nil
	}
	if a.Bits != configs.FP {
		p.sites = append(p.sites, Site{Name: node.Name + ".input", Role: Input, Node: node.Name, Spec: a, Signed: signed(a, !p.positive[from]),
			Channels: p.shapes[from].C, Picture: fixed})
	}
	if w.Bits != configs.FP {
		p.sites = append(p.sites, Site{Name: node.Name + ".weight", Role: Weights, Node: node.Name, Spec: w, Signed: true, Channels: p.shapes[node.Name].C})
	}
}

// residual places the quantizers of the residual stream: of both operands of each sum, and of the sum; and of what else
// is to be codes though no quantizer of its one reader makes them.
func (p *placement) residual() {
	state := map[string]fold{}
	for _, node := range p.Nodes {
		p.codeReaders[node.Name] = p.readsCodes(node, state)
	}
	if p.quant.Residual == configs.FP {
		return
	}
	spec := residualSpec(p.quant)
	names := map[string]bool{}
	place := func(node, name, why string) {
		if _, ok := p.outputs[node]; ok || node == networks.Input {
			return
		}
		p.why[node] = why
		for _, other := range []string{node + ".output", node + ".codes"} {
			if names[name] { // several tensors behind one node with weights
				name = other
			}
		}
		names[name] = true
		p.outputs[node] = Site{Name: name, Role: Output, Node: node, Spec: spec, Signed: signed(spec, !p.positive[node]), Channels: p.shapes[node].C}
	}
	for _, node := range p.Nodes {
		if add, ok := node.Op.(networks.Add); !ok || add.Real {
			continue
		}
		block := strings.TrimSuffix(node.Name, ".add")
		summand := fmt.Sprintf("a summand of %s", node.Name)
		place(node.Inputs[0], block+".branch", summand)
		from := p.source(node.Inputs[1])
		place(from, p.made(from)+".output", summand)
		place(p.through(node.Name), block+".output", fmt.Sprintf("the sum of %s", node.Name))
	}
	if p.real() {
		return
	}
	if last := p.Nodes[len(p.Nodes)-1]; last.Op.Kind() != (networks.Linear{}).Kind() {
		place(last.Name, last.Name+".output", "the network ends here, without a linear layer")
	}
	placeSource := func(node, why string) { // behind what its values come from
		from := p.source(node)
		place(from, p.made(from)+".output", why)
	}
	for _, node := range p.Nodes {
		if p.codeReaders[node.Name] {
			placeSource(node.Inputs[0], fmt.Sprintf("%s is computed from its codes", node.Name))
		}
		if node.Op.Kind() == (networks.Concat{}).Kind() && p.quant.Concat == configs.ConcatRequantize {
			for _, part := range node.Inputs {
				placeSource(part, fmt.Sprintf("%s joins it (quant.concat: requantize)", node.Name))
			}
		}
		if readers := p.readers[node.Name]; len(readers) > 1 {
			placeSource(node.Name, fmt.Sprintf("%s read it", strings.Join(readers, ", ")))
		}
	}
}

// real tells that the network has sums of real values: its other tensors are not to be codes either.
func (p *placement) real() bool {
	for _, node := range p.Nodes {
		if add, ok := node.Op.(networks.Add); ok && add.Real {
			return true
		}
	}
	return false
}

// fold says what a node is part of, in integers.
type fold int

const (
	alone fold = iota
	sum        // a convolution or linear layer, with its batch norm
	table      // functions of each code
)

// readsCodes tells that a node without weights is computed from codes in integers, and is not part of what is before it: that
// batch norm is part of a convolution, and ReLU of a sum. It notes what the node is part of.
func (p *placement) readsCodes(node networks.Node, state map[string]fold) bool {
	if len(node.Inputs) != 1 {
		return false
	}
	from := p.Node(node.Inputs[0])
	var before fold
	added := false
	if from != nil && len(p.readers[from.Name]) == 1 {
		before = state[from.Name]
		_, added = from.Op.(networks.Add)
	}
	_, dropped := node.Op.(networks.Dropout)
	switch node.Op.(type) {
	case networks.BatchNorm:
		if from != nil && before == sum && from.Op.Weighted() {
			state[node.Name] = sum
			return false
		}
	case networks.ReLU, networks.ReLU6:
		if relu := (networks.ReLU{}).Kind(); before == sum || added && node.Op.Kind() == relu {
			return false
		}
	default: // by what the operation says of itself
		switch {
		case node.Op.Weighted():
			state[node.Name] = sum
			return false
		case dropped || node.Op.Moves():
			return false
		case !node.Op.Elementwise():
			return true
		}
	}
	state[node.Name] = table
	return before != table
}

// source is [Source] of the network.
func (p *placement) source(name string) string { return Source(p.Network, name) }

// Source is the node whose values shortcuts and max pooling, which move codes as they are, take.
func Source(n *networks.Network, name string) string {
	if n == nil {
		return name
	}
	for node := n.Node(name); node != nil; node = n.Node(name) {
		if _, dropped := node.Op.(networks.Dropout); !dropped && !node.Op.Moves() {
			break
		}
		name = node.Inputs[0]
	}
	return name
}

// through is what alone reads a node and cuts off its negative values, as ReLU does; without it, the node.
func (p *placement) through(name string) string {
	if r := p.readers[name]; len(r) == 1 {
		if op := p.Node(r[0]).Op; op.Inputs() == 1 && op.NonNegative([]bool{false}) {
			return r[0]
		}
	}
	return name
}

// made is the nearest node with weights before a node.
func (p *placement) made(name string) string {
	for node := p.Node(name); node != nil && !node.Op.Weighted(); node = p.Node(name) {
		name = node.Inputs[0]
	}
	return name
}

// positive are the nodes that give no negative value.
func positive(n *networks.Network) map[string]bool {
	positive := map[string]bool{}
	for _, node := range n.Nodes {
		var in []bool
		for _, from := range node.Inputs {
			in = append(in, positive[from])
		}
		positive[node.Name] = node.Op.NonNegative(in)
	}
	return positive
}

// signed is the config's choice, or what the network says.
func signed(spec configs.TensorSpec, negative bool) bool {
	if spec.Signed == configs.SignedAuto {
		return negative && !spec.Static() // which has a zero point
	}
	return spec.Signed == configs.SignedTrue
}

// residualSpec is how the residual stream is quantized: as the activations if they are static, else by LSQ, since few
// methods have signed levels.
func residualSpec(q *configs.Quant) configs.TensorSpec {
	spec := q.Activations
	spec.Bits, spec.Signed, spec.STE, spec.Options = q.Residual, configs.SignedAuto, configs.STEAuto, nil
	if !spec.Static() {
		spec.Estimator = configs.LSQ
	}
	return spec
}
