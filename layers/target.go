package layers

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

// TargetError tells that no bit widths meet a key of quant.target.
type TargetError struct{ Key, Reason string }

// Error implements error.
func (e *TargetError) Error() string { return "quant.target." + e.Key + ": " + e.Reason }

// Costs are what a network costs; of bit widths that are learned, what it costs by them now.
type Costs struct {
	SizeBytes float64
	BitOps    float64
}

// targetTolerance is the share of a target by which a cost may miss it.
const targetTolerance = 0.02

// target is a cost of a network beside that which the config wants.
type target struct {
	key          string
	cost, target float64
	of           func(Costs) float64
	text         func(float64) string // as the config writes it
}

// targets lists those of the config.
func targets(t configs.CostTarget, c Costs) (all []target) {
	for _, t := range []target{
		{key: "size", target: float64(t.Size), of: func(c Costs) float64 { return c.SizeBytes }, text: configs.ByteText},
		{key: "bitops", target: float64(t.BitOps), of: func(c Costs) float64 { return c.BitOps }, text: configs.OpText},
	} {
		if t.cost = t.of(c); t.target > 0 {
			all = append(all, t)
		}
	}
	return all
}

// Costs is what the network costs now.
func (n *Network) Costs() Costs {
	if n.LearnsBits() {
		return n.costsAt(costBits)
	}
	size, bitOps := n.Cost()
	return Costs{float64(size), float64(bitOps)}
}

// penalizeCost adds the gradients of lambda*|cost/target - 1| and returns their sum over the targets.
func (n *Network) penalizeCost(grad func(*Array) []float32) (loss float64) {
	lambda, slopes := n.quant.Target.Lambda, map[string]float64{} // of the penalty in each cost
	for _, t := range targets(n.quant.Target, n.costsAt(costBits)) {
		over := t.cost/t.target - 1
		loss += lambda * math.Abs(over)
		switch {
		case over > 0:
			slopes[t.key] = lambda / t.target
		case over < 0:
			slopes[t.key] = -lambda / t.target
		}
	}
	add := func(q *Quantizer, dbits float64) {
		if q == nil || !q.learnsBits() {
			return
		}
		var dp estimators.Params
		for _, a := range q.learned {
			dp = append(dp, grad(a))
		}
		q.learner().AddCost(dp, q.params(), dbits)
	}
	for _, l := range n.costs {
		w, a := l.bitsOf(costBits)
		add(l.ofWeights, slopes["size"]*l.weights/8+slopes["bitops"]*l.macs*a)
		add(l.ofInput, slopes["bitops"]*l.macs*w)
	}
	return loss
}

// Missed says by how much the network misses what quant.target says it is to cost, beyond 2 %; "" if it does not.
func (n *Network) Missed(t configs.CostTarget) string {
	if n.made() != nil {
		return ""
	}
	missed := ""
	for _, t := range targets(t, n.Costs()) {
		if over := t.cost/t.target - 1; math.Abs(over) > targetTolerance {
			if missed != "" {
				missed += "; "
			}
			missed += fmt.Sprintf("quant.target.%s is %s, and the network has %s, %+.1f %%", t.key, t.text(t.target), t.text(t.cost), 100*over)
		}
	}
	return missed
}
