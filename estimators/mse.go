package estimators

import "math"

// MSE is the range for which quantization has the least mean square error, of the tensor or of each channel, as in
// Banner et al. 2019, https://arxiv.org/abs/1810.05723, section 3, and Nagel et al. 2021,
// https://arxiv.org/abs/2106.08295, section 3.1:
//
//	min over lo, hi of  sum over all x observed of (x - Q(x; lo, hi))^2
//
// Q is the quantizer of [NewCalibrated] for the levels that will cover the range, scale and zero point rounded as
// there. The candidates are a grid: n even steps from 0 to the largest |x|, both ends at once, for a symmetric range;
// and n even steps each from 0 to min x and to max x otherwise, of which the search improves one end after the other,
// from both at the extremes, until neither moves. That can be a local minimum. The wider range wins a tie. x is taken
// at the middles of bins that are narrower than 2^-11 of x.
type MSE struct {
	histograms
	r         Range
	steps     int
	symmetric bool
}

var mseOptions = []Option{
	{Name: "steps", Doc: "candidates for each end of the range", Default: 100, Min: 1, Max: 10000},
}

var _ = registerCalibration(Calibration{
	Name:    "mse",
	Source:  "Nagel et al. 2021, arXiv 2106.08295, section 3.1",
	Doc:     "the range with the least mean square error",
	Options: mseOptions,
	New: func(s CalibrationSpec) (Observer, error) {
		if err := s.check(mseOptions); err != nil {
			return nil, prefixed("mse", err)
		}
		return &MSE{newHistograms("mse", max(s.Scales, 1)), s.Range, int(s.Options["steps"]), s.Symmetric}, nil
	},
})

// Observe implements [Observer].
func (o *MSE) Observe(x []float32) error {
	if o == nil {
		return errNoObserver
	}
	return o.histograms.Observe(x)
}

// Range implements [Observer].
func (o *MSE) Range(lo, hi []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := o.checkEnds(lo, hi); err != nil {
		return err
	}
	for c := range o.channels {
		h := &o.channels[c]
		var err error
		if o.symmetric {
			lo[c], hi[c], err = o.searchSymmetric(h)
		} else {
			lo[c], hi[c], err = o.search(h)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *MSE) searchSymmetric(h *logHistogram) (lo, hi float32, err error) {
	bins, least := h.bins(), math.Inf(1)
	end := max(h.hi, -h.lo)
	hi = end
	for i := o.steps; i > 0; i-- {
		t := o.candidate(end, i)
		e, err := o.squaredError(bins, -t, t)
		if err != nil {
			return 0, 0, err
		}
		if e < least {
			least, hi = e, t
		}
	}
	return -hi, hi, nil
}

func (o *MSE) search(h *logHistogram) (lo, hi float32, err error) {
	bins := h.bins()
	lowest, highest := min(h.lo, 0), max(h.hi, 0)
	lo, hi = lowest, highest
	least, err := o.squaredError(bins, lo, hi)
	for moved := true; moved && err == nil; {
		moved = false
		for i := o.steps; i >= 0 && err == nil; i-- {
			var e float64
			if t := o.candidate(highest, i); t != hi {
				if e, err = o.squaredError(bins, lo, t); e < least {
					least, hi, moved = e, t, true
				}
			}
		}
		for i := o.steps; i >= 0 && err == nil; i-- {
			var e float64
			if t := o.candidate(lowest, i); t != lo {
				if e, err = o.squaredError(bins, t, hi); e < least {
					least, lo, moved = e, t, true
				}
			}
		}
	}
	return lo, hi, err
}

// candidate is end number i of the grid from 0 to the extreme.
func (o *MSE) candidate(extreme float32, i int) float32 {
	return float32(float64(extreme) * float64(i) / float64(o.steps))
}

// squaredError is the sum of the squared errors with which the levels over [lo, hi] quantize the bins.
func (o *MSE) squaredError(bins []bin, lo, hi float32) (float64, error) {
	a, err := NewCalibrated(o.r, o.symmetric, []float32{lo}, []float32{hi})
	if err != nil {
		return 0, err
	}
	s, z := float64(a.Scale[0]), float64(a.ZeroPoint[0])
	qn, qp := float64(o.r.Qn())-z, float64(o.r.Qp())-z
	sum := 0.0
	for _, b := range bins {
		level := min(max(math.RoundToEven(b.x/s), qn), qp)
		d := b.x - float64(s*level)
		sum += float64(b.count * d * d)
	}
	return sum, nil
}
