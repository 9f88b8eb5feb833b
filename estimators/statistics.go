package estimators

import (
	"errors"
	"fmt"
)

// checkStatistics reports x of which there are no statistics: none, or not finite.
func checkStatistics(x []float32) error {
	if len(x) == 0 {
		return errors.New("no elements of x to take statistics from")
	}
	for i, v := range x {
		if v-v != 0 { // NaN for NaN and the infinities
			return fmt.Errorf("x[%d] is %v; expected finite elements", i, v)
		}
	}
	return nil
}
