//go:build noasm || !amd64

package kernels

func aboveRow(p *aboveSums, x []float32, thresholds *[aboveAtOnce]float32) {
	aboveRowGeneric(p, x, thresholds)
}
