package estimators

import (
	"errors"
	"fmt"
	"math"
)

// momentSums are counts, means and sums of squared distances from the mean, of each channel. Batches are merged as in
// Chan et al. 1979, http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf, equation 2.1, which cancels
// nothing where the mean is far from 0.
type momentSums struct {
	n             float64
	mean, squares []float64
}

func newMomentSums(channels int) momentSums {
	return momentSums{mean: make([]float64, channels), squares: make([]float64, channels)}
}

func (m *momentSums) add(x []float32) {
	channels := len(m.mean)
	n := float64(len(x) / channels)
	if n == 0 {
		return
	}
	mean, squares := make([]float64, channels), make([]float64, channels)
	for i, v := range x {
		mean[i%channels] += float64(v)
	}
	for c := range mean {
		mean[c] /= n
	}
	for i, v := range x {
		d := float64(v) - mean[i%channels]
		squares[i%channels] += float64(d * d) // the conversion keeps the product from fusing with the sum
	}
	total := m.n + n
	for c := range mean {
		d := mean[c] - m.mean[c]
		m.mean[c] += float64(d * n / total)
		m.squares[c] += squares[c] + float64(d*d*m.n*n/total)
	}
	m.n = total
}

func (m *momentSums) deviation(c int) float64 {
	if m.n == 0 {
		return 0
	}
	return math.Sqrt(m.squares[c] / m.n)
}

// ThreeSigma is the range from which LSQ+ starts on weights, Bhalgat et al. 2020, https://arxiv.org/abs/2004.09576,
// section 3.1:
//
//	s = max(|mean - 3 deviation|, |mean + 3 deviation|)/2^(k-1)
//
// of the tensor or of each channel, over all that was observed, in float64. s is at least [MinScale]. The ends are Qn*s
// and Qp*s, or -Qp*s and Qp*s if symmetric, so that [NewCalibrated] returns the scale s and the zero point 0.
type ThreeSigma struct {
	r         Range
	symmetric bool
	sums      momentSums
}

var _ = registerCalibration(Calibration{
	Name:   "lsq_plus",
	Source: "Bhalgat et al. 2020, arXiv 2004.09576, section 3.3",
	Doc:    "the mean plus and minus three standard deviations, symmetric about 0",
	New: func(s CalibrationSpec) (Observer, error) {
		err := s.check(nil)
		if err == nil && !s.Signed {
			err = errors.New("an unsigned range; expected a signed one, as the range is symmetric")
		}
		if err != nil {
			return nil, prefixed("lsq_plus", err)
		}
		return &ThreeSigma{r: s.Range, symmetric: s.Symmetric, sums: newMomentSums(max(s.Scales, 1))}, nil
	},
})

// Observe implements [Observer].
func (o *ThreeSigma) Observe(x []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := checkObserved(x, len(o.sums.mean)); err != nil {
		return prefixed("lsq_plus", err)
	}
	o.sums.add(x)
	return nil
}

// Range implements [Observer].
func (o *ThreeSigma) Range(lo, hi []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := checkRangeEnds(lo, hi, len(o.sums.mean), o.sums.n > 0); err != nil {
		return prefixed("lsq_plus", err)
	}
	for c := range lo {
		mean, deviation := o.sums.mean[c], o.sums.deviation(c)
		s := max(math.Abs(mean-3*deviation), math.Abs(mean+3*deviation)) / math.Ldexp(1, o.r.Bits-1)
		if !(s*float64(max(o.r.Qp(), -o.r.Qn())) <= math.MaxFloat32) {
			return prefixed("lsq_plus", fmt.Errorf("the scale of channel %d is %v; expected levels that float32 holds", c, s))
		}
		scale := max(float32(s), MinScale)
		lo[c], hi[c] = float32(o.r.Qn())*scale, float32(o.r.Qp())*scale
		if o.symmetric {
			lo[c] = -hi[c]
		}
	}
	return nil
}
