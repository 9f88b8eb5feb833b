package estimators

import "math"

// meanDeviation is the mean and the standard deviation of x[0], x[stride], x[2*stride] and so on, in float64; 0 without
// elements.
func meanDeviation(x []float32, stride int) (mean, deviation float64) {
	n := 0
	for i := 0; i < len(x); i += stride {
		mean += float64(x[i])
		n++
	}
	if n == 0 {
		return 0, 0
	}
	mean /= float64(n)
	for i := 0; i < len(x); i += stride {
		d := float64(x[i]) - mean
		deviation += float64(d * d) // the conversion keeps the product from fusing with the sum
	}
	return mean, math.Sqrt(deviation / float64(n))
}
