package integer

import (
	"errors"
	"fmt"
	"math"
)

// Folded is a convolution's batch norm in integer form: the real output is
// Scale[c] * (acc + Bias[c]) with acc the int32 sum of products.
type Folded struct {
	Scale []float32
	Bias  []int32
	// Dead marks channels whose factor is so small, next to their offset, that
	// the offset does not fit an int32 in units of the factor. Their weights
	// count as 0, and the output is the offset.
	Dead []bool
}

// biasLimit keeps |bias| within a quarter of int32.
const biasLimit = 1 << 29

// FoldBatchNorm folds y = gamma*(x - mean)/sqrt(variance + eps) + beta into a
// convolution with input scale sx and weight scale sw (1 or C entries):
//
//	factor   = gamma/sqrt(variance + eps)
//	s_w'     = float32(s_w*factor)
//	Scale[c] = float32(s_x*s_w')
//	Bias[c]  = roundHalfEven((beta - mean*factor)/Scale[c])
//
// A negative gamma gives a negative Scale; the integers keep their signs.
func FoldBatchNorm(sx float32, sw, gamma, beta, mean, variance []float32, eps float64) Folded {
	f := Folded{make([]float32, len(gamma)), make([]int32, len(gamma)), make([]bool, len(gamma))}
	for c := range gamma {
		factor := float64(gamma[c]) / math.Sqrt(float64(variance[c])+eps)
		f.set(c, sx, float32(float64(sw[c%len(sw)])*factor), float64(beta[c])-float64(mean[c])*factor)
	}
	return f
}

// FoldBias is FoldBatchNorm for a layer with a plain bias.
func FoldBias(sx float32, sw, bias []float32) Folded {
	f := Folded{make([]float32, len(bias)), make([]int32, len(bias)), make([]bool, len(bias))}
	for c := range bias {
		f.set(c, sx, sw[c%len(sw)], float64(bias[c]))
	}
	return f
}

func (f *Folded) set(c int, sx, sw float32, offset float64) {
	s := sx * sw
	b := math.RoundToEven(offset / float64(s))
	if s == 0 || !(math.Abs(b) <= biasLimit) { // an offset that is NaN ends here: Check reports it
		f.Dead[c] = true
		// As a product with s_x, which a weight scale of 32 bits can give.
		s = sx * (float32(math.Abs(offset)/(1<<24)) / sx)
		if s < 0x1p-126 {
			s = sx // the offset counts as 0 too
		}
		b = math.RoundToEven(offset / float64(s))
	}
	f.Scale[c], f.Bias[c] = s, int32(b)
}

// Check reports the first channel with a value that is not finite.
func (f *Folded) Check() error {
	if f == nil {
		return errors.New("there is nothing folded; want the result of FoldBatchNorm or FoldBias")
	}
	for c, s := range f.Scale {
		if v := float64(s); math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("channel %d: the folded scale is %g", c, v)
		}
	}
	return nil
}

// Weights returns w (..., C) with the channels that are dead set to zero; it
// is w itself if none is.
func (f *Folded) Weights(w []int8) []int8 {
	out := w
	for c, dead := range f.Dead {
		if !dead {
			continue
		}
		if &out[0] == &w[0] {
			out = append([]int8(nil), w...)
		}
		for i := c; i < len(out); i += len(f.Dead) {
			out[i] = 0
		}
	}
	return out
}
