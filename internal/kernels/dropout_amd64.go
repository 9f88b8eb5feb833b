//go:build !noasm

package kernels

import "github.com/qat-go/qat/internal/random"

func dropoutRow(y, x []float32, scale, rate float32, draws random.Stream) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			dropoutRowAVX512(&y[:n][0], &x[0], n, scale, rate*(1<<24), draws.Start, draws.Key)
		default:
			dropoutRowAVX2(&y[:n][0], &x[0], n, scale, rate*(1<<24), draws.Start, draws.Key)
		}
	}
	dropoutRowGeneric(y[n:], x[n:], scale, rate, draws, n)
}
