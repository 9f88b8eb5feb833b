package kernels

// row describes one output row of one or two blocks of output channels to a
// kernel. Strides count elements:
//
//	for p < pixels, l < 16*blocks:
//	  acc = init[l] (0 for floats)
//	  for r < kRows, k < kRun: acc += x[r*xRow + p*xPix + k] * w[block(l)][r*kRun+k][l%16]
//	  y[p*yPix + l] = acc
//
// where block b of w starts at b*wBlock. Integer kernels take groups of
// inputs for k: 4 bytes or 2 words that one 32-bit lane multiplies and adds.
type row[X, W, Y any] struct {
	y, init      *Y
	x            *X
	w            *W
	pixels       int
	blocks       int // 1 or 2
	kRows, kRun  int
	xRow, xPix   int
	yPix, wBlock int
	steps        int // of byte kernels: see IntWeights
	fetch        fetch
}

// run calls the kernel for the row's element types.
func (a *row[X, W, Y]) run() {
	switch a := any(a).(type) {
	case *row[float32, float32, float32]:
		convRow(a)
	case *row[uint8, int8, int32]:
		convRowBytes(a)
	case *row[int16, int16, int32]:
		convRowWords(a)
	}
}

// kernelSteps is how often the kernel goes from one k to the next.
func (a *row[X, W, Y]) kernelSteps() int {
	tile := byteTile(a.blocks)
	if _, floats := any(a).(*row[float32, float32, float32]); floats {
		tile = floatTile(a.blocks)
	}
	return (a.pixels + tile - 1) / tile * a.kRows * a.kRun
}

// plane is the convolution of one padded picture x with packed weights w, row
// by row. Strides count elements; group is 1, 2 or 4 inputs a lane.
type plane[X, W, Y any] struct {
	y, init              []Y
	x                    []X
	w                    []W
	tail                 []Y // scratch, max(outW, joinedPixels)*2*16: channels beyond the last full block
	outH, outW, channels int
	kRows, kRun, group   int
	xRow, xPix           int // from a kernel row or output column to the next
	xStep                int // from an output row to the next
	yRow, yPix           int
	steps                int // see IntWeights
}

// join makes longer rows of those that follow each other, so that fewer tiles of a kernel are partly filled.
func (m *plane[X, W, Y]) join() {
	if m.kRows != 1 || m.xStep != m.outW*m.xPix || m.yRow != m.outW*m.yPix {
		return
	}
	n := joined(m.outH, m.outW)
	m.outH, m.outW, m.xStep, m.yRow = m.outH/n, m.outW*n, m.xStep*n, m.yRow*n
}

// joined is how many of rows make one of at most joinedPixels.
func joined(rows, pixels int) int {
	n := max(1, joinedPixels/pixels)
	for rows%n != 0 {
		n--
	}
	return n
}

// joinedPixels is how long joined rows are at most.
const joinedPixels = 128

func (m *plane[X, W, Y]) run(s *Scratch) {
	m.join()
	nb := blocksOf(m.channels)
	a := row[X, W, Y]{
		pixels: m.outW, kRows: m.kRows, kRun: m.kRun, xRow: m.xRow, xPix: m.xPix,
		wBlock: m.kRows * m.kRun * m.group * lanes, steps: m.steps,
	}
	reach := (m.kRows-1)*m.xRow + (m.outW-1)*m.xPix + m.kRun*m.group
	large := MemoryOf(m.x, 1).Each+MemoryOf(m.y, 1).Each >= partBytes
	for b := 0; b < nb; b += 2 {
		a.blocks = min(2, nb-b)
		width := min(a.blocks*lanes, m.channels-b*lanes)
		full := width == a.blocks*lanes
		a.w = &m.w[b*a.wBlock:][:a.blocks*a.wBlock][0]
		if m.init != nil {
			a.init = &m.init[b*lanes:][:a.blocks*lanes][0]
		}
		for i := 0; i < m.outH; i++ {
			if b == 0 && i+1 < m.outH && large {
				s.ahead.need(MemoryOf(m.x[(i+1)*m.xStep:][:reach], 1), MemoryOf(m.y[(i+1)*m.yRow:][:(m.outW-1)*m.yPix+m.channels], 1))
			}
			a.fetch = s.ahead.take(a.kernelSteps())
			// The slices are cut to what the kernel touches, so that a wrong
			// size panics here.
			a.x = &m.x[i*m.xStep:][:reach][0]
			out := m.y[i*m.yRow+b*lanes:][:(m.outW-1)*m.yPix+width]
			if full {
				a.y, a.yPix = &out[0], m.yPix
				a.run()
				continue
			}
			a.y, a.yPix = &m.tail[:m.outW*a.blocks*lanes][0], a.blocks*lanes
			a.run()
			for p := 0; p < m.outW; p++ {
				copy(out[p*m.yPix:][:width], m.tail[p*a.blocks*lanes:])
			}
		}
	}
}
