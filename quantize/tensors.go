package quantize

import (
	"fmt"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// Tensor is the network's input, what a node gives, or its weights, with a quantizer and why it is there; or without one, and
// why there is none. A tensor with several quantizers, each for one that reads it, stands in the list several times.
type Tensor struct {
	Name string // "input", the node's, or that of weights: "conv1.weight"
	Site *Site  // nil: none
	Why  string
}

// Tensors says of every tensor of a network why it has quantizers or lacks them, in order of execution.
func Tensors(n *networks.Network, q *configs.Quant) ([]Tensor, error) {
	p, err := newPlacement(n, q)
	if err != nil {
		return nil, err
	}
	inputs, weights := map[string]*Site{}, map[string]*Site{}
	for i, s := range p.sites {
		switch s.Role {
		case Input:
			inputs[s.Node] = &p.sites[i]
		case Weights:
			weights[s.Node] = &p.sites[i]
		}
	}
	var all []Tensor
	values := func(name string) {
		found := len(all)
		if s, ok := p.outputs[name]; ok {
			all = append(all, Tensor{name, &s, p.why[name]})
		}
		for _, reader := range p.readers[name] {
			if s := inputs[reader]; s != nil {
				_, from := p.bitsFrom(reader)
				all = append(all, Tensor{name, s, fmt.Sprintf("%s multiplies it (%s)", reader, from)})
			}
		}
		if len(all) == found {
			all = append(all, Tensor{Name: name, Why: p.lacks(name)})
		}
	}
	values(networks.Input)
	for _, node := range n.Nodes {
		if node.Op.Weighted() {
			from, _ := p.bitsFrom(node.Name)
			why := from
			if weights[node.Name] == nil {
				why += ": fp"
			}
			all = append(all, Tensor{node.Name + ".weight", weights[node.Name], why})
		}
		values(node.Name)
	}
	return all, nil
}

// bitsFrom are the keys that say how many bits a layer's weights and input have.
func (p *placement) bitsFrom(layer string) (weights, activations string) {
	first, last := p.ends(layer)
	return p.quant.BitsFrom(layer, first, last)
}

// lacks says why a tensor has no quantizer.
func (p *placement) lacks(name string) string {
	if node := p.Node(name); node != nil {
		if name == p.Nodes[len(p.Nodes)-1].Name {
			return "the network ends here"
		}
		if from := p.source(name); from != name {
			if _, ok := p.outputs[from]; ok {
				return fmt.Sprintf("holds codes of %s", from)
			}
		}
	}
	const fp = "quant.residual: fp"
	readers := p.readers[name]
	if len(readers) > 1 && name != networks.Input && p.quant.Residual == configs.FP {
		return fp
	}
	reader := p.Node(readers[0])
	if name == networks.Input && !reader.Op.Weighted() {
		return fmt.Sprintf("%s reads the images as they are", reader.Name)
	}
	_, dropped := reader.Op.(networks.Dropout)
	switch op := reader.Op.(type) {
	case networks.Add:
		if op.Real {
			return fmt.Sprintf("%s sums real values", reader.Name)
		}
		return fp // or it would have one
	case networks.Concat:
		return fmt.Sprintf("%s joins it (quant.concat: shared)", reader.Name)
	}
	switch {
	case reader.Op.Weighted():
		_, from := p.bitsFrom(reader.Name)
		return from + ": fp"
	case dropped || reader.Op.Moves():
		return fmt.Sprintf("%s passes it on", reader.Name)
	case p.codeReaders[reader.Name] && p.quant.Residual == configs.FP:
		return fp
	case p.codeReaders[reader.Name]:
		return "the network has sums of real values"
	}
	return fmt.Sprintf("%s takes it unrounded", reader.Name)
}
