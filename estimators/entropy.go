package estimators

import (
	"fmt"
	"math"
)

// Entropy is the range that loses the least information, of the tensor or of each channel: the calibration of TensorRT,
// Migacz 2017, https://on-demand.gputechconf.com/gtc/2017/presentation/s7310-8-bit-inference-with-tensorrt.pdf. From a
// histogram of |x| with 2048 even bins up to the largest |x|, it takes the threshold i of L to 2048 bins for which the
// divergence of Kullback and Leibler
//
//	sum over j < i of P[j] * log(P[j]/Q[j])
//
// is least: P are the first i bins, the last of which also has what is beyond, and Q are the first i bins in L groups,
// each group spread evenly over those of its bins that are not empty; both sum to 1. L = 2^(k-1) for signed ranges,
// which become [-t, t], and 2^k for unsigned ones, [0, t]; then negative x counts as 0. Where Q is 0 and P is not, the
// divergence is infinite. Group g has the bins from floor(g*i/L). The wider range wins a tie.
//
// As in NVIDIA's pytorch-quantization, bin 0 counts what bin 1 counts: else the exact zeros after ReLU would decide.
// x is taken at the middles of bins that are narrower than 2^-11 of x, so up to half a bin away.
type Entropy struct {
	histograms
	r Range
}

const entropyBins = 2048

var _ = registerCalibration(Calibration{
	Name:   "entropy",
	Source: "Migacz 2017, 8-bit inference with TensorRT, GTC S7310",
	Doc:    "the threshold with the least divergence of Kullback and Leibler",
	New: func(s CalibrationSpec) (Observer, error) {
		if err := s.check(nil); err != nil {
			return nil, prefixed("entropy", err)
		}
		e := &Entropy{newHistograms("entropy", max(s.Scales, 1)), s.Range}
		if e.levels() > entropyBins {
			return nil, prefixed("entropy", fmt.Errorf("%d levels; expected at most the %d bins", e.levels(), entropyBins))
		}
		return e, nil
	},
})

// levels is L.
func (o *Entropy) levels() int {
	if o.r.Signed {
		return 1 << (o.r.Bits - 1)
	}
	return 1 << o.r.Bits
}

// Observe implements [Observer].
func (o *Entropy) Observe(x []float32) error {
	if o == nil {
		return errNoObserver
	}
	return o.histograms.Observe(x)
}

// Range implements [Observer].
func (o *Entropy) Range(lo, hi []float32) error {
	if o == nil {
		return errNoObserver
	}
	if err := o.checkEnds(lo, hi); err != nil {
		return err
	}
	for c := range o.channels {
		h := &o.channels[c]
		end := max(h.hi, 0)
		if o.r.Signed {
			end = max(end, -h.lo)
		}
		lo[c], hi[c] = 0, end
		if end > 0 {
			i := leastDivergence(o.evenBins(h, end), o.levels())
			hi[c] = float32(float64(end) * float64(i) / entropyBins)
		}
		if o.r.Signed {
			lo[c] = -hi[c]
		}
	}
	return nil
}

// evenBins are the 2048 counts up to the end.
func (o *Entropy) evenBins(h *logHistogram, end float32) []float64 {
	even := make([]float64, entropyBins)
	for _, b := range h.bins() {
		x := b.x
		if x < 0 && o.r.Signed {
			x = -x
		}
		i := int(max(x, 0) / float64(end) * entropyBins)
		even[min(i, entropyBins-1)] += b.count
	}
	even[0] = even[1]
	return even
}

// leastDivergence is the number of bins, from so many as levels, whose divergence is least.
func leastDivergence(bins []float64, levels int) int {
	best, least := len(bins), math.Inf(1)
	for i := len(bins); i >= levels; i-- {
		if d := divergence(bins, i, levels); d < least {
			best, least = i, d
		}
	}
	return best
}

// divergence is that of the first n bins, with what is beyond in the last of them, from their groups.
func divergence(bins []float64, n, levels int) float64 {
	total, inside := 0.0, 0.0
	for j, count := range bins {
		total += count
		if j < n {
			inside += count
		}
	}
	if inside == 0 {
		return math.Inf(1)
	}
	beyond, sum := total-inside, 0.0
	for g := range levels {
		begin, end := g*n/levels, (g+1)*n/levels
		count, occupied := 0.0, 0.0
		for _, b := range bins[begin:end] {
			if count += b; b > 0 {
				occupied++
			}
		}
		for j := begin; j < end; j++ {
			p := bins[j]
			if j == n-1 {
				p += beyond
			}
			switch {
			case p == 0:
			case bins[j] == 0:
				return math.Inf(1)
			default:
				p, q := p/total, count/occupied/inside
				sum += float64(p * math.Log(p/q))
			}
		}
	}
	return sum
}
