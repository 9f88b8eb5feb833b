package estimators

import (
	"fmt"
	"math"
)

// The range of a bit width that training learns.
const (
	MinLearnedBits = 2
	MaxLearnedBits = 8
)

// BitLearner is an estimator that learns how many bits a code has, as a real number. Whoever trains it weighs what bits cost
// against the loss, and takes levels of a whole number of bits in its place in the end: those of [LSQ], with a scale of
// FixedScale.
type BitLearner interface {
	Estimator

	// LearnedBits is the bit width, from [MinLearnedBits] to [MaxLearnedBits], and CostBits that of which costs are.
	LearnedBits(p Params) float64
	CostBits(p Params) float64

	// AddCost adds the gradients of a cost to those of the parameters, dp, given dbits, its gradient with respect to CostBits.
	// Those of the loss are complete: it comes last before the update.
	AddCost(dp, p Params, dbits float64)

	// Bound brings parameters that an update took too far back to where they may be.
	Bound(p Params)

	// FixedScale writes the scale, of the tensor or of each channel, of levels of so many bits.
	FixedScale(scale []float32, p Params, bits int)
}

// checkLearnedBits reports bits to start from that are not to be learned.
func checkLearnedBits(bits int) error {
	if bits < MinLearnedBits || bits > MaxLearnedBits {
		return fmt.Errorf("%d bits to start from; expected %d to %d", bits, MinLearnedBits, MaxLearnedBits)
	}
	return nil
}

// are tells that there are as many parameters, with as many elements each; those of no estimator have none.
func (p Params) are(lengths ...int) bool { return checkParams("parameters", p, lengths...) == nil }

// boundBits is the nearest bit width that can be learned.
func boundBits(bits float64) float64 { return min(max(bits, MinLearnedBits), MaxLearnedBits) }

// checkBits reports a bit width that is none, of one element.
func checkBits(bits []float32) error {
	if len(bits) != 1 || math.IsNaN(float64(bits[0])) {
		return fmt.Errorf("bits is %v; expected one number", bits)
	}
	return nil
}
