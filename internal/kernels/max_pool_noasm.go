//go:build !amd64 || noasm

package kernels

func maxWindows(y, x []float32, w *Window) int          { return 0 }
func maxWindowGrads(dx, dy, x []float32, w *Window) int { return 0 }

func maxRow(y, x []float32) { maxRowGeneric(y, x) }

func maxCodesRow(y, x []uint8) { maxCodesRowGeneric(y, x) }

func winnersRow(best []float32, winners []int32, x []float32, number int32) {
	winnersRowGeneric(best, winners, x, number)
}

func addToWinnersRow(dx, dy []float32, winners []int32, number int32) {
	addToWinnersRowGeneric(dx, dy, winners, number)
}
