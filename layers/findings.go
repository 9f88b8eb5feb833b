package layers

import (
	"strings"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
)

// Findings are what is wrong with trained quantizers, by the names of the tensors. A network can score well with all of
// them, so nothing else shows them.
type Findings struct {
	OnFloor []Finding `json:"on_floor,omitempty"` // scales whose floor stopped half of their updates or more
	Clipped []Finding `json:"clipped,omitempty"`  // tensors of 2 bits or more with nearly all codes at an end
	Dead    []string  `json:"dead,omitempty"`     // tensors that have one value everywhere
}

// Finding is a share of 1 that is too large.
type Finding struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"`
}

// Of what is clipped, and of updates that a floor stops.
const (
	mostClipped = 0.9
	mostFloored = 0.5
)

// FloorFindings judges how often a floor stopped an update in so many steps, by name of the parameter. A scale has the name of its tensor.
func (n *Network) FloorFindings(f *Findings, hits map[string]int, steps int) {
	for _, p := range n.Params {
		if share := float64(hits[p.Name]) / float64(max(steps, 1)*len(p.Data())); share >= mostFloored {
			f.OnFloor = append(f.OnFloor, Finding{strings.TrimSuffix(p.Name, "_quantizer.scale"), share})
		}
	}
}

// WeightFindings judges the codes of weights.
func (n *Network) WeightFindings(f *Findings) error {
	for _, l := range n.regularized {
		if !l.integral(false) {
			continue
		}
		codes, err := l.codesOf(l.weight.Data())
		if err != nil {
			return err
		}
		judge(f, l.Quantizer, codes, int8(l.Qn()), int8(l.Qp()))
	}
	return nil
}

// ActivationFindings judges what the quantizers of activations give in evaluation on the images x (N, H, W, C).
func (n *Network) ActivationFindings(f *Findings, pool *kernels.Pool, x *tensor.Dense) error {
	c := NewContext(pool, false)
	c.watches = true
	logits, err := n.Build(c, x)
	if err != nil {
		return err
	}
	outputs := []*G.Node{logits}
	for _, w := range c.watched {
		outputs = append(outputs, w.node)
	}
	m, err := machine.New(pool, machine.Options{}, outputs...)
	if err != nil {
		return err
	}
	if err := m.RunAll(); err != nil {
		return err
	}
	for _, w := range c.watched {
		switch v := w.node.Value().(*tensor.Dense).Data().(type) {
		case []uint8:
			lo, hi := w.quant.bounds(false)
			judge(f, w.quant, v, lo, hi)
		case []float32:
			judge(f, w.quant, v, 0, 0)
		}
	}
	return nil
}

// judge looks at the codes, or values, of one tensor, whose codes go from lo to hi.
func judge[T uint8 | int8 | float32](f *Findings, q *Quantizer, v []T, lo, hi T) {
	equal, ends := 0, 0
	for _, c := range v {
		if c == v[0] {
			equal++
		}
		// Of what is not negative the lowest code is 0, and no clip.
		if c == hi || c == lo && q.Signed {
			ends++
		}
	}
	switch share := float64(ends) / float64(len(v)); {
	case equal == len(v):
		f.Dead = append(f.Dead, q.Name)
	case lo < hi && q.Bits > 1 && share >= mostClipped && q.method == nil:
		f.Clipped = append(f.Clipped, Finding{q.Name, share})
	}
}
