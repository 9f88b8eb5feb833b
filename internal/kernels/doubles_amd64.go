//go:build !noasm

package kernels

func channelTotalsRow(sum []float64, x []float32) {
	n, c := len(x), len(sum)
	switch {
	case !blocked(n, c):
		channelTotalsRowGeneric(sum, x)
	case level == avx512:
		channelTotalsRowAVX512(&sum[0], &x[0], n/c, c)
	default:
		channelTotalsRowAVX2(&sum[0], &x[0], n/c, c)
	}
}

func matrixRows(y []float32, init *[lanes]float32, a, b []float32, rows, k, aRow, aStep int) {
	if level == generic {
		matrixRowsGeneric(y, init, a, b, rows, k, aRow, aStep)
		return
	}
	y, a, b = y[:rows*lanes], a[:(rows-1)*aRow+(k-1)*aStep+1], b[:k*lanes]
	if level == avx512 {
		matrixRowsAVX512(&y[0], &init[0], &a[0], &b[0], rows, k, aRow, aStep)
	} else {
		matrixRowsAVX2(&y[0], &init[0], &a[0], &b[0], rows, k, aRow, aStep)
	}
}
