package estimators

import "math"

// Percentile is the range that leaves out the most extreme x, of the tensor or of each channel, as in Li et al. 2019,
// https://doi.org/10.1109/CVPR.2019.00292, section 3.3, and Wu et al. 2020, https://arxiv.org/abs/2004.09602, section
// 5.2:
//
//	lo = the (100-p)th percentile of x,  hi = the pth percentile of x
//
// where the pth percentile of n numbers in ascending order is number ceil(p/100*n), counted from 1. A symmetric range
// is the pth percentile of |x|, with both signs. All that was observed counts the same. The numbers are counted in bins
// that are narrower than 2^-11 of x, so the ends are exact to 0.05%; the smallest and the largest x are exact.
type Percentile struct {
	histograms
	percentile float64
	symmetric  bool
}

var percentileOptions = []Option{
	{Name: "percentile", Doc: "percent of x that are not above the range", Default: 99.99, Min: 50, Max: 100},
}

var _ = registerCalibration(Calibration{
	Name:    "percentile",
	Source:  "Wu et al. 2020, arXiv 2004.09602, section 5.2",
	Doc:     "all x but the most extreme",
	Options: percentileOptions,
	New: func(s CalibrationSpec) (Observer, error) {
		if err := s.check(percentileOptions); err != nil {
			return nil, prefixed("percentile", err)
		}
		h := newHistograms("percentile", max(s.Scales, 1))
		return &Percentile{h, s.Options["percentile"], s.Symmetric}, nil
	},
})

// Observe implements [Observer].
func (o *Percentile) Observe(x []float32) error {
	if o == nil {
		return errNoObserver
	}
	return o.histograms.Observe(x)
}

// Range implements [Observer].
func (o *Percentile) Range(lo, hi []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := o.checkEnds(lo, hi); err != nil {
		return err
	}
	for c := range o.channels {
		h := &o.channels[c]
		bins := h.bins()
		rank := math.Ceil(o.percentile * float64(h.n) / 100)
		if o.symmetric {
			bins = magnitudes(bins)
			hi[c] = min(float32(ranked(bins, rank)), max(h.hi, -h.lo))
			if rank == float64(h.n) {
				hi[c] = max(h.hi, -h.lo)
			}
			lo[c] = -hi[c]
			continue
		}
		// By symmetry the lower end has as many x below it as the upper end has above it.
		lo[c], hi[c] = h.lo, h.hi
		if below := float64(h.n) - rank; below > 0 {
			lo[c] = max(h.lo, float32(ranked(bins, below+1)))
			hi[c] = min(h.hi, float32(ranked(bins, rank)))
		}
	}
	return nil
}

// ranked is the middle of the bin that has the number of that rank, counted from 1.
func ranked(bins []bin, rank float64) float64 {
	sum := 0.0
	for _, b := range bins {
		if sum += b.count; sum >= rank {
			return b.x
		}
	}
	return bins[len(bins)-1].x
}

// magnitudes are the bins of |x|, ascending.
func magnitudes(bins []bin) []bin {
	var out []bin
	i, j := 0, 0 // from 0 downwards, and from 0 upwards
	for j < len(bins) && bins[j].x < 0 {
		j++
	}
	i = j
	for i > 0 || j < len(bins) {
		if j == len(bins) || i > 0 && -bins[i-1].x < bins[j].x {
			i--
			out = append(out, bin{-bins[i].x, bins[i].count})
		} else {
			out = append(out, bins[j])
			j++
		}
	}
	return out
}
