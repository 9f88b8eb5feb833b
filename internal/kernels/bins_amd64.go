//go:build !noasm

package kernels

func aboveRow(p *aboveSums, x []float32, thresholds *[aboveAtOnce]float32) {
	n := whole(len(x))
	switch {
	case n == 0:
	case level == avx512:
		aboveRowAVX512(&p.total[0], &x[0], &thresholds[0], n)
	default:
		aboveRowAVX2(&p.total[0], &x[0], &thresholds[0], n)
	}
	aboveRowGeneric(p, x[n:], thresholds)
}
