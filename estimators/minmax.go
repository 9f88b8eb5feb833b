package estimators

import (
	"errors"
	"fmt"
)

// MinMax writes the smallest and the largest element of x to lo and hi, for the tensor or for each channel: the range
// that [NewAffine] turns into a scale and a zero point. It is an error if x is empty or not finite; lo and hi are then
// undefined.
func MinMax(lo, hi, x []float32) error {
	err := checkChannels("lo", len(lo), len(x))
	if err == nil && len(lo) != len(hi) {
		err = fmt.Errorf("lo has %d elements and hi has %d; expected as many", len(lo), len(hi))
	}
	if err == nil && len(x) == 0 {
		err = errors.New("no elements to take the range from")
	}
	if err != nil {
		return prefixed("min-max", err)
	}
	copy(lo, x)
	copy(hi, x)
	for i, v := range x {
		if v-v != 0 { // NaN for NaN and the infinities
			return fmt.Errorf("estimators: min-max: x[%d] is %v; expected finite elements", i, v)
		}
		c := i % len(lo)
		lo[c], hi[c] = min(lo[c], v), max(hi[c], v)
	}
	return nil
}
