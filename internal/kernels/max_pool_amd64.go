//go:build !noasm

package kernels

func maxRow(y, x []float32) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			maxRowAVX512(&y[:n][0], &x[0], n)
		default:
			maxRowAVX2(&y[:n][0], &x[0], n)
		}
	}
	maxRowGeneric(y[n:], x[n:])
}

func maxCodesRow(y, x []uint8) {
	n := whole(len(x))
	if n > 0 {
		maxCodesRowAVX2(&y[:n][0], &x[0], n)
	}
	maxCodesRowGeneric(y[n:], x[n:])
}

func winnersRow(best []float32, winners []int32, x []float32, number int32) {
	n := whole(len(x))
	if n > 0 {
		switch level {
		case avx512:
			winnersRowAVX512(&best[:n][0], &winners[:n][0], &x[0], n, number)
		default:
			winnersRowAVX2(&best[:n][0], &winners[:n][0], &x[0], n, number)
		}
	}
	winnersRowGeneric(best[n:], winners[n:], x[n:], number)
}

func addToWinnersRow(dx, dy []float32, winners []int32, number int32) {
	n := whole(len(winners))
	if n > 0 {
		switch level {
		case avx512:
			addToWinnersRowAVX512(&dx[:n][0], &dy[:n][0], &winners[0], n, number)
		default:
			addToWinnersRowAVX2(&dx[:n][0], &dy[:n][0], &winners[0], n, number)
		}
	}
	addToWinnersRowGeneric(dx[n:], dy[n:], winners[n:], number)
}
