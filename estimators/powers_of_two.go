package estimators

import (
	"fmt"
	"math"
)

// Significands, in [1/2, 1), from which on a number goes to the next power of two: where it is nearest on a log scale,
// and where it is nearest.
const (
	geometricMiddle  = math.Sqrt2 / 2
	arithmeticMiddle = 0.75
)

// nearestPower is the exponent in [emin, emax] of the power of two that stands for a magnitude; zero tells that 0 does,
// as for magnitudes below 2^(emin-1).
func nearestPower(magnitude float32, emin, emax int, middle float64) (e int, zero bool) {
	a := float64(magnitude)
	if a < math.Ldexp(1, emin-1) {
		return 0, true
	}
	if a >= math.Ldexp(1, emax) { // infinity has no exponent
		return emax, false
	}
	significand, e := math.Frexp(a)
	if significand < middle {
		e--
	}
	return min(max(e, emin), emax), false
}

// inqExponents are the exponents n2 and n1 of the smallest and the largest power of two that INQ (Zhou et al. 2017,
// https://arxiv.org/abs/1702.03044, equations 2 and 3) takes at k bits for weights up to s in magnitude:
//
//	n1 = floor(log2(4s/3)),  n2 = n1 + 1 - 2^(k-1)/2
//
// so there are 2^(k-2) powers of two. s is at least [MinScale], and n1 at most the largest exponent of a float32.
func inqExponents(bits int, s float32) (n2, n1 int) {
	significand, e := math.Frexp(float64(max(s, MinScale)))
	if significand < 0.75 {
		e--
	}
	n1 = min(e, 127)
	return n1 + 1 - 1<<(bits-2), n1
}

// maxMagnitudes are the largest |x| of the tensor or of each channel.
func maxMagnitudes(x []float32, channels int) ([]float32, error) {
	err := checkChannels("scale", channels, len(x))
	if err == nil && len(x) > 0 {
		err = checkStatistics(x)
	}
	if err != nil {
		return nil, err
	}
	largest := make([]float32, channels)
	for i, v := range x {
		c := i % channels
		largest[c] = max(largest[c], v, -v)
	}
	return largest, nil
}

// checkInt8 reports codes that the storage of a quantized layer does not hold: int8 for signed ones, else uint8.
func checkInt8(bits, qn, qp int) error {
	if qn < 0 && qp > math.MaxInt8 {
		return fmt.Errorf("%d bits need codes to %d, which int8 does not hold; expected fewer bits", bits, qp)
	}
	if qp > math.MaxUint8 {
		return fmt.Errorf("%d bits need codes to %d, which uint8 does not hold; expected fewer bits", bits, qp)
	}
	return nil
}
