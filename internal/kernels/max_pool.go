package kernels

// Window is what pooling slides over pictures (H, W, C): Kernel pixels, every Stride pixels, from Top and Left pixels outside
// of the picture on, for OutH x OutW pixels of the output. Each window holds a pixel of the picture; what it has outside counts
// for nothing.
type Window struct {
	H, W, C, OutH, OutW int
	Kernel, Stride      Size
	Top, Left           int
}

// pixels are those of the picture that a window holds: where the first starts, rows and columns, and the elements of a row.
type pixels struct{ first, rows, columns, row, channels int }

// each calls f for the window of each of the output's pixels, which start at y.
func (w *Window) each(f func(y int, in pixels)) {
	span := func(from, kernel, n int) (first, count int) {
		first = max(from, 0)
		return first, min(from+kernel, n) - first
	}
	for i := range w.OutH {
		top, rows := span(i*w.Stride.H-w.Top, w.Kernel.H, w.H)
		for j := range w.OutW {
			left, columns := span(j*w.Stride.W-w.Left, w.Kernel.W, w.W)
			f((i*w.OutW+j)*w.C, pixels{(top*w.W + left) * w.C, rows, columns, w.W * w.C, w.C})
		}
	}
}

// each calls f for each pixel, row by row: where it starts, and its number.
func (p *pixels) each(f func(x int, number int32)) {
	for r := range p.rows {
		for c := range p.columns {
			f(p.first+r*p.row+c*p.channels, int32(r*p.columns+c))
		}
	}
}

// MaxPool writes the largest value of each channel in each window; NaN is larger than all.
func MaxPool(y, x []float32, w *Window) {
	if done := maxWindows(y, x, w); done < w.C {
		maxPool(y, x, w, done, maxRow)
	}
}

// MaxPoolCodes is MaxPool of codes.
func MaxPoolCodes(y, x []uint8, w *Window) { maxPool(y, x, w, 0, maxCodesRow) }

// maxPool is pooling with y = max(y, x), of the channels from first on.
func maxPool[T float32 | uint8](y, x []T, w *Window, first int, larger func(y, x []T)) {
	w.each(func(to int, in pixels) {
		in.each(func(from int, number int32) {
			y, x := y[to:][first:w.C], x[from:][first:w.C]
			if number == 0 {
				copy(y, x)
			} else {
				larger(y, x)
			}
		})
	})
}

// MaxPoolGrad writes the gradient of MaxPool: that of each output goes to the first of the largest values of its window, row
// by row, or to its last NaN, as in PyTorch. What several windows give one pixel is added up in their order.
func MaxPoolGrad(dx, dy, x []float32, w *Window) {
	clear(dx)
	maxPoolGrad(dx, dy, x, nil, w, maxWindowGrads(dx, dy, x, w))
}

// MaxPoolCodesGrad is MaxPoolGrad where x are codes.
func MaxPoolCodesGrad(dx, dy []float32, x []uint8, w *Window) {
	clear(dx)
	maxPoolGrad(dx, dy, nil, x, w, 0)
}

// poolChannels is how many channels a gradient does at a time.
const poolChannels = 64

// maxPoolGrad adds the gradient for x, or for codes if there are any, of the channels from first on.
func maxPoolGrad(dx, dy, x []float32, codes []uint8, w *Window, first int) {
	var largest, decoded [poolChannels]float32
	var numbers [poolChannels]int32
	for ; first < w.C; first += poolChannels {
		n := min(poolChannels, w.C-first)
		best, winners, values := largest[:n], numbers[:n], decoded[:n]
		w.each(func(y int, in pixels) {
			in.each(func(at int, number int32) {
				if codes != nil {
					codesToFloat(values, codes[at+first:][:n], 0)
				} else {
					values = x[at+first:][:n]
				}
				if number == 0 {
					copy(best, values)
					clear(winners)
				} else {
					winnersRow(best, winners, values, number)
				}
			})
			in.each(func(at int, number int32) { addToWinnersRow(dx[at+first:][:n], dy[y+first:][:n], winners, number) })
		})
	}
}

func maxRowGeneric(y, x []float32) {
	for i, v := range x {
		if v > y[i] || v != v {
			y[i] = v
		}
	}
}

func maxCodesRowGeneric(y, x []uint8) {
	for i, v := range x {
		y[i] = max(y[i], v)
	}
}

func winnersRowGeneric(best []float32, winners []int32, x []float32, number int32) {
	for i, v := range x {
		if v > best[i] || v != v {
			best[i], winners[i] = v, number
		}
	}
}

func addToWinnersRowGeneric(dx, dy []float32, winners []int32, number int32) {
	for i, v := range winners {
		if v == number {
			dx[i] += dy[i]
		}
	}
}
