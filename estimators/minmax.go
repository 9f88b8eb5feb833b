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
			return fmt.Errorf("min-max: x[%d] is %v; expected finite elements", i, v)
		}
		c := i % len(lo)
		lo[c], hi[c] = min(lo[c], v), max(hi[c], v)
	}
	return nil
}

// MinMaxObserver is the range of all that was observed, [min x, max x], of the tensor or of each channel: Jacob et al.
// 2018, https://arxiv.org/abs/1712.05877, section 3.
type MinMaxObserver struct {
	lo, hi    []float32
	symmetric bool
	observed  bool
}

var _ = registerCalibration(Calibration{
	Name:   "min_max",
	Source: "Jacob et al. 2018, arXiv 1712.05877, section 3",
	Doc:    "the smallest and the largest x",
	New: func(s CalibrationSpec) (Observer, error) {
		if err := s.check(nil); err != nil {
			return nil, prefixed("min_max", err)
		}
		n := max(s.Scales, 1)
		return &MinMaxObserver{lo: make([]float32, n), hi: make([]float32, n), symmetric: s.Symmetric}, nil
	},
})

// Observe implements [Observer].
func (o *MinMaxObserver) Observe(x []float32) error {
	if o == nil {
		return errNoObserver
	}
	lo, hi := make([]float32, len(o.lo)), make([]float32, len(o.hi))
	if err := MinMax(lo, hi, x); err != nil {
		return err
	}
	for c := range lo {
		if o.observed {
			lo[c], hi[c] = min(lo[c], o.lo[c]), max(hi[c], o.hi[c])
		}
	}
	o.lo, o.hi, o.observed = lo, hi, true
	return nil
}

// Range implements [Observer].
func (o *MinMaxObserver) Range(lo, hi []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := checkRangeEnds(lo, hi, len(o.lo), o.observed); err != nil {
		return prefixed("min_max", err)
	}
	copy(lo, o.lo)
	copy(hi, o.hi)
	if o.symmetric {
		makeSymmetric(lo, hi)
	}
	return nil
}
