package estimators

// MovingAverage is the exponential moving average of the ranges of batches, of the tensor or of each channel: Jacob et
// al. 2018, https://arxiv.org/abs/1712.05877, section 3.1,
//
//	lo <- lo + (1-m)*(min x - lo),  hi <- hi + (1-m)*(max x - hi)
//
// from the range of the first batch, in float64. The default m = 0.99 is that of PyTorch's MovingAverageMinMaxObserver.
type MovingAverage struct {
	momentum  float64
	lo, hi    []float64
	symmetric bool
	observed  bool
}

var movingAverageOptions = []Option{
	{Name: "momentum", Doc: "share of the old range that stays", Default: 0.99, Max: 1},
}

var _ = registerCalibration(Calibration{
	Name:    "moving_average",
	Source:  "Jacob et al. 2018, arXiv 1712.05877, section 3.1",
	Doc:     "the moving average of the smallest and the largest x of each batch",
	Options: movingAverageOptions,
	New: func(s CalibrationSpec) (Observer, error) {
		if err := s.check(movingAverageOptions); err != nil {
			return nil, prefixed("moving_average", err)
		}
		n := max(s.Scales, 1)
		return &MovingAverage{
			momentum: s.Options["momentum"], lo: make([]float64, n), hi: make([]float64, n), symmetric: s.Symmetric,
		}, nil
	},
})

// Observe implements [Observer].
func (o *MovingAverage) Observe(x []float32) error {
	if o == nil {
		return errNoObserver
	}
	lo, hi := make([]float32, len(o.lo)), make([]float32, len(o.hi))
	if err := MinMax(lo, hi, x); err != nil {
		return err
	}
	part := 1 - o.momentum
	if !o.observed {
		part = 1
	}
	for c := range lo {
		o.lo[c] += float64(part * (float64(lo[c]) - o.lo[c]))
		o.hi[c] += float64(part * (float64(hi[c]) - o.hi[c]))
	}
	o.observed = true
	return nil
}

// Range implements [Observer].
func (o *MovingAverage) Range(lo, hi []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := checkRangeEnds(lo, hi, len(o.lo), o.observed); err != nil {
		return prefixed("moving_average", err)
	}
	for c := range lo {
		lo[c], hi[c] = float32(o.lo[c]), float32(o.hi[c])
	}
	if o.symmetric {
		makeSymmetric(lo, hi)
	}
	return nil
}
