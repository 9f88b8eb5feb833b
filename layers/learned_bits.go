package layers

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

// layerCost is what a layer with weights costs for each bit. A quantizer is nil where nothing is quantized.
type layerCost struct {
	layer                string
	rest                 float64 // of its size in bits: biases and scales
	weights, macs        float64
	ofWeights, ofInput   *Quantizer
	weightBits, actsBits float64 // where they are given
}

// learnsBits tells that training learns how many bits the codes have.
func (q *Quantizer) learnsBits() bool {
	_, ok := q.first.(estimators.BitLearner)
	return ok
}

// learner is the method of one that learns its bits. Nothing of that has a schedule.
func (q *Quantizer) learner() estimators.BitLearner { return q.first.(estimators.BitLearner) }

// learnsBits tells that a quantizer of the network does.
func (n *Network) learnsBits() bool { return len(n.costs) > 0 }

// LearnsBits tells that training learns bit widths, which are no whole numbers yet.
func (n *Network) LearnsBits() bool { return n.made() == nil && n.learnsBits() }

// learnBits prepares what the config says about bit widths that are learned.
func (n *Network) learnBits() error {
	if !slices.ContainsFunc(n.Quantizers, (*Quantizer).learnsBits) {
		return nil
	}
	rows, costs := n.Table(), []layerCost{}
	table, err := n.graph.Table()
	if err != nil {
		return err
	}
	for i, l := range n.weighted() {
		r := rows[i]
		costs = append(costs, layerCost{
			layer: l.Name, weights: float64(table[i].Weights), macs: float64(r.MACs), rest: float64(r.SizeBits - int64(table[i].Weights)*int64(r.WeightBits)),
			ofWeights: l.weights, ofInput: l.input, weightBits: float64(r.WeightBits), actsBits: float64(r.InputBits),
		})
	}
	n.costs = costs
	least := n.costsAt(func(*Quantizer) float64 { return estimators.MinLearnedBits })
	most := n.costsAt(func(*Quantizer) float64 { return estimators.MaxLearnedBits })
	for _, t := range targets(n.quant.Target, least) {
		hi := t.of(most)
		if t.cost > t.target*(1+targetTolerance) || hi < t.target*(1-targetTolerance) {
			return &TargetError{t.key, fmt.Sprintf("with %d to %d bits the network has %s to %s; wanted a number between, found %s", estimators.MinLearnedBits, estimators.MaxLearnedBits, t.text(t.cost), t.text(hi), t.text(t.target))}
		}
	}
	return nil
}

// bitsOf are the bits of both operands, those that are learned as learned says.
func (l *layerCost) bitsOf(learned func(*Quantizer) float64) (weights, acts float64) {
	weights, acts = l.weightBits, l.actsBits
	if q := l.ofWeights; q != nil && q.learnsBits() {
		weights = learned(q)
	}
	if q := l.ofInput; q != nil && q.learnsBits() {
		acts = learned(q)
	}
	return weights, acts
}

func (n *Network) costsAt(learned func(*Quantizer) float64) (c Costs) {
	for _, l := range n.costs {
		w, a := l.bitsOf(learned)
		c.SizeBytes += (l.rest + l.weights*w) / 8
		c.BitOps += l.macs * w * a
	}
	return c
}

// costBits is the bit width that costs are of.
func costBits(q *Quantizer) float64 { return q.learner().CostBits(q.params()) }

// boundBits brings what bit widths are learned by back to where it may be.
func (n *Network) boundBits() {
	for _, l := range n.costs {
		for _, q := range []*Quantizer{l.ofWeights, l.ofInput} {
			if q != nil && q.learnsBits() {
				q.learner().Bound(q.params())
			}
		}
	}
}

// WholeBits makes the bit widths that are learned whole numbers with which the network costs what it should: those nearest to
// the learned ones plus an offset that is one for all, the largest that no target forbids. Those that then still fit are a bit
// wider, the nearest to that first. What no target counts has the nearest.
func (n *Network) WholeBits() []configs.LayerBits {
	if !n.LearnsBits() {
		return nil
	}
	bits := map[*Quantizer]int{}
	at := func(q *Quantizer) float64 { return float64(bits[q]) }
	type rise struct {
		q      *Quantizer
		to     int
		offset float64 // at which it is the nearest
	}
	var rises []rise
	for _, l := range n.costs {
		for _, q := range []*Quantizer{l.ofWeights, l.ofInput} {
			if q == nil || !q.learnsBits() {
				continue
			}
			if t := n.quant.Target; t.BitOps == 0 && (t.Size == 0 || q == l.ofInput) {
				bits[q] = q.Bits()
				continue
			}
			bits[q] = estimators.MinLearnedBits
			for to := estimators.MinLearnedBits + 1; to <= estimators.MaxLearnedBits; to++ {
				rises = append(rises, rise{q, to, float64(to) - 0.5 - q.learner().LearnedBits(q.params())})
			}
		}
	}
	slices.SortStableFunc(rises, func(a, b rise) int { return cmp.Compare(a.offset, b.offset) })
	for _, r := range rises {
		if bits[r.q] != r.to-1 {
			continue
		}
		bits[r.q] = r.to
		if slices.ContainsFunc(targets(n.quant.Target, n.costsAt(at)), func(t target) bool { return t.cost > t.target }) {
			bits[r.q] = r.to - 1
		}
	}
	var all []configs.LayerBits
	for _, l := range n.costs {
		if b := (configs.LayerBits{Layer: l.layer, Weights: bits[l.ofWeights], Activations: bits[l.ofInput]}); b.Weights+b.Activations > 0 {
			all = append(all, b)
		}
	}
	return all
}

// whole is the network with whole numbers of bits, without weights.
func (n *Network) whole() (*Network, error) {
	quant := n.quant.WithBits(n.WholeBits())
	return Describe(n.graph, &quant, n.Input)
}

// wholeForm is the integer form of the network that has whole numbers of bits in the end.
func (n *Network) wholeForm() error {
	w, err := n.whole()
	if err != nil {
		return err
	}
	return w.IntegerForm()
}

// fractional is why a network in training has no integer form yet.
func (n *Network) fractional() error {
	e := &NotIntegerError{}
	for _, l := range n.costs {
		if l.ofWeights != nil && l.ofWeights.learnsBits() || l.ofInput != nil && l.ofInput.learnsBits() {
			e.add(l.layer, "its bit widths are still being learned; train to the end")
		}
	}
	return e
}

// TakeBits gives quantizers that have a whole number of bits the scales of LSQ's levels that take the place of those which
// another network of the tensors has learned.
func (n *Network) TakeBits(learned *Network) error {
	if n.made() != nil || learned.made() != nil {
		return errNoNetwork
	}
	for _, q := range n.Quantizers {
		i := slices.IndexFunc(learned.Quantizers, func(o *Quantizer) bool { return o.Name == q.Name })
		if i < 0 || q.learnsBits() || !learned.Quantizers[i].learnsBits() {
			continue
		}
		from := learned.Quantizers[i]
		if !from.Calibrated() {
			return fmt.Errorf("%s: %w", q.Name, &uncalibrated{})
		}
		from.learner().FixedScale(q.Scale.Data(), from.params(), q.Bits())
	}
	return nil
}
