package estimators

import (
	"errors"
	"fmt"
)

// Binned is a stateful estimator for whose updates it is enough to know how many elements of x lie between thresholds
// that depend on the state, and what these add up to. Kernels find that faster than Update does.
type Binned interface {
	Stateful

	// Bins returns the thresholds, ascending, at most [MaxStairs]-1: bin i has the elements with i thresholds below them.
	// ok is false where Update must see x.
	Bins(state Params) (thresholds []float32, ok bool, err error)

	// UpdateBins is Update, but for the first, given the number of elements in each bin and their sums: the same up to the
	// rounding of the sums. A sum that is not finite is an error, and so is x without elements.
	UpdateBins(state Params, counts, sums []float64) error
}

// checkBins is [checkStatistics] for what n bins hold.
func checkBins(counts, sums []float64, n int) error {
	if len(counts) != n || len(sums) != n {
		return fmt.Errorf("%d counts and %d sums; expected %d", len(counts), len(sums), n)
	}
	all := 0.0
	for i, v := range sums {
		if v-v != 0 { // NaN for NaN and the infinities
			return fmt.Errorf("the sum of the elements of x at level %d is %v; expected finite elements", i, v)
		}
		all += counts[i]
	}
	if all == 0 {
		return errors.New("no elements of x to take statistics from")
	}
	return nil
}
