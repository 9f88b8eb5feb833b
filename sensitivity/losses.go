package sensitivity

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/qat-go/qat/allocate"
	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// losses are those of the groups at each of their widths.
func (s *Space) losses(t *Table) ([][]allocate.Choice, error) {
	if t == nil {
		return nil, errors.New("there is no table of losses")
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	for _, l := range t.Layers {
		if !slices.ContainsFunc(s.graph.Weighted(), func(n networks.Node) bool { return n.Name == l.Name }) {
			return nil, fmt.Errorf("%s has losses of layer %s, which the network has not; are they those of another network?", t.Method, l.Name)
		}
	}
	if s.apart && !t.reads() {
		return nil, fmt.Errorf("%s says nothing of activations, so their widths cannot be chosen apart; want another method, or one width for both", t.Method)
	}
	groups := make([][]allocate.Choice, len(s.Groups))
	for i, g := range s.Groups {
		for _, w := range g.Widths {
			sum := 0.0
			for _, name := range g.Layers {
				loss, err := s.loss(t, name, w)
				if err != nil {
					return nil, err
				}
				sum += loss
			}
			if math.IsInf(sum, 0) {
				return nil, fmt.Errorf("%s: the losses of %s add up to more than a float64 holds; want a larger unit", t.Method, strings.Join(g.Layers, ", "))
			}
			groups[i] = append(groups[i], allocate.Choice{Loss: sum})
		}
	}
	return groups, nil
}

// reads tells that a table says what activations lose.
func (t *Table) reads() bool {
	return slices.ContainsFunc(t.Layers, func(l Layer) bool { return len(l.Activations) > 0 })
}

// loss is what a layer loses at a width, what it reads included if that is quantized and the table says anything of such.
func (s *Space) loss(t *Table, name string, w Width) (float64, error) {
	l, known := t.Layer(name)
	if !known {
		return 0, fmt.Errorf("%s has no losses of layer %s; are they those of another network?", t.Method, name)
	}
	of := func(losses []Loss, what string, bits int) (float64, error) {
		i := slices.IndexFunc(losses, func(x Loss) bool { return x.Bits == bits })
		if i < 0 {
			return 0, fmt.Errorf("%s has no loss of %s (%s) at %d bits; measure it at that width too", t.Method, name, what, bits)
		}
		return losses[i].Value, nil
	}
	sum, err := of(l.Weights, "weights", w.Weights)
	if _, a := s.cfg.Quant.Resolve(name, false, false); err != nil || a.Bits == configs.FP || !t.reads() {
		return sum, err
	}
	read, err := of(l.Activations, "activations", w.Activations)
	return sum + read, err
}
