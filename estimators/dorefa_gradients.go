package estimators

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/random"
)

// DoReFaGradients quantizes gradients as DoReFa-Net does, Zhou et al. 2016, https://arxiv.org/abs/1606.06160, section
// 2 (equation 12), in the backward pass of a layer: dr = dL/dr of its output, with n = 2^k - 1,
//
//	f(dr) = 2*m*(round(n*(dr/(2*m) + 1/2) + e)/n - 1/2),  e uniform on [-1/2, 1/2)
//
// where m is max|dr| of one sample. The noise e makes the rounding right on average, without which training does not
// converge at few bits. The outputs are odd integers times m/n. Rounding is half to even. A gradient that is not finite
// is an error: it has no maximum.
type DoReFaGradients struct {
	Bits int // 1 to 16
}

// Quantize writes f(dr) to out, which has the length of dr and may be dr itself; dr holds samples of equal length one
// after the other. The same seed gives the same noise.
func (d DoReFaGradients) Quantize(out, dr []float32, samples int, seed uint64) error {
	err := Range{Bits: d.Bits}.Validate()
	if err == nil && len(out) != len(dr) {
		err = fmt.Errorf("out has %d elements; expected %d, as many as dr", len(out), len(dr))
	}
	if err == nil && (samples < 1 || len(dr)%samples != 0) {
		err = fmt.Errorf("%d samples; expected a divisor of the %d elements of dr", samples, len(dr))
	}
	if err != nil {
		return prefixed("dorefa gradients", err)
	}
	noise := random.New(seed)
	n := float64(int(1)<<d.Bits - 1)
	size := len(dr) / samples
	for start := 0; start < len(dr); start += size {
		sample := dr[start : start+size]
		var m float64
		for i, v := range sample {
			if v-v != 0 { // NaN for NaN and the infinities
				return prefixed("dorefa gradients", fmt.Errorf("dr[%d] is %v; expected finite gradients", start+i, v))
			}
			m = max(m, math.Abs(float64(v)))
		}
		for i, v := range sample {
			if m == 0 {
				out[start+i] = 0
				continue
			}
			e := float64(noise.Uniform(start+i)) - 0.5
			q := min(max(math.RoundToEven(float64(n*(float64(v)/(2*m)+0.5))+e), 0), n)
			out[start+i] = float32(m * (2*q - n) / n)
		}
	}
	return nil
}
