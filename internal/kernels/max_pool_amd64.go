//go:build !noasm

package kernels

// maxWindows does MaxPool for the first channels, and returns for how many.
func maxWindows(y, x []float32, w *Window) int {
	n := whole(w.C)
	if n > 0 {
		w.each(func(to int, in pixels) {
			y, x := &y[to:][:n][0], &x[in.first:][:(in.rows-1)*in.row+in.columns*in.channels][0]
			if level == avx512 {
				maxWindowAVX512(y, x, n, in.rows, in.columns, in.channels, in.row)
			} else {
				maxWindowAVX2(y, x, n, in.rows, in.columns, in.channels, in.row)
			}
		})
	}
	return n
}

// maxWindowGrads adds up MaxPoolGrad for the first channels, and returns for how many.
func maxWindowGrads(dx, dy, x []float32, w *Window) int {
	n := whole(w.C)
	if n > 0 {
		w.each(func(from int, in pixels) {
			size := (in.rows-1)*in.row + in.columns*in.channels
			dx, dy, x := &dx[in.first:][:size][0], &dy[from:][:n][0], &x[in.first:][:size][0]
			if level == avx512 {
				maxWindowGradAVX512(dx, dy, x, n, in.rows, in.columns, in.channels, in.row)
			} else {
				maxWindowGradAVX2(dx, dy, x, n, in.rows, in.columns, in.channels, in.row)
			}
		})
	}
	return n
}

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
