package kernels

// With VNNI, codes of a depthwise convolution are multiplied in fours, one below the other: four rows of the picture are
// interleaved byte by byte into one row of quads, from which come as many rows of the output as there are in quads
// (4 of a 3x3 kernel with stride 1 give 2). Vectors of 16 then go along the rows, whatever the number of channels is: the
// weights of a row come again after so many of them. Columns apart by the stride lie side by side, those of a phase.

// quadWeights are those of a depthwise convolution.
type quadWeights struct {
	rows, quads int     // rows of output that come from so many rows of quads
	vectors     int     // after which the channels of a vector come again
	taps        []int   // of a row: where they are, in quads
	bytes       []int8  // [vectors][rows][taps][16][4]
	sum         []int32 // of each lane of the vectors
}

// phaseLen is how many quads a phase of columns of a row has, with room for a vector.
func (g *Conv) phaseLen() int {
	return ((g.padW()+g.Stride.W-1)/g.Stride.W*g.Cin + 2*lanes - 1) / lanes * lanes
}

func (q *quadWeights) pack(g *Conv, w []int8) {
	q.quads = (g.Kernel.H + 3) / 4
	q.rows = (4*q.quads-g.Kernel.H)/g.Stride.H + 1
	q.vectors = 1
	for q.vectors*lanes%g.Cin != 0 {
		q.vectors++
	}
	q.taps = q.taps[:0]
	for i := range q.quads {
		for k := range g.Kernel.W {
			q.taps = append(q.taps, (i*g.Stride.W+k%g.Stride.W)*g.phaseLen()+k/g.Stride.W*g.Cin)
		}
	}
	q.bytes, q.sum = grow(q.bytes, q.vectors*q.rows*len(q.taps)*4*lanes), grow(q.sum, q.vectors*lanes)
	clear(q.bytes)
	clear(q.sum)
	for i := range q.sum {
		v, lane, channel := i/lanes, i%lanes, i%g.Cin
		for r := range g.Kernel.H {
			for k := range g.Kernel.W {
				value := w[(r*g.Kernel.W+k)*g.Cin+channel]
				q.sum[i] += int32(value)
				for j := range q.rows {
					at := r + j*g.Stride.H // in the quads
					tap := at/4*g.Kernel.W + k
					q.bytes[(((v*q.rows+j)*len(q.taps)+tap)*lanes+lane)*4+at%4] = value
				}
			}
		}
	}
}

// depthCodes tells that a depthwise convolution goes over quads.
func (l *IntForward) depthCodes() bool {
	return quads() && l.toCodes()
}

// beginQuads fills the lanes of what each channel has.
func (l *IntForward) beginQuads() {
	q := &l.Weights.quads
	l.init, l.factors = grow(l.init, len(q.sum)), grow(l.factors, len(q.sum))
	for i := range l.init {
		c := i % l.Weights.g.Cin
		l.init[i], l.factors[i] = -int32(l.ZeroPoint)*q.sum[i], l.Requant.Multiplier[c]
		if c < len(l.Bias) {
			l.init[i] += l.Bias[c]
		}
	}
}

// quadRow describes to a kernel the outputs of a vector and those that come vectors later:
//
//	for v < vectors, l < 16:
//	  acc = init[l]
//	  for t, tap in taps: acc += the 4 products of the bytes of x[v*xStep + tap + l] and w[t*16 + l]
//	  y[v*yStep + l] = the code of acc, as [Requantize] has it
type quadRow struct {
	y                     *uint8
	x                     *uint32
	w                     *int8
	taps                  []int
	init                  *int32
	factors               *float32
	vectors, xStep, yStep int
	zeroPoint, lo, hi     uint8
}

// pictureQuads computes codes of picture n.
func (l *IntForward) pictureQuads(s *Scratch, n int, codes []uint8) {
	g, w, q := &l.Weights.g, &l.Weights.quads, &l.Requant
	phase, row, out := g.phaseLen(), g.W*g.Cin, g.OutW()*g.Cin
	quads := s.uint32s(0, w.quads*g.Stride.W*phase)
	fill(quads, 0x1010101*uint32(l.ZeroPoint)) // the border stays
	border := s.bytes(1, row+lanes)
	fill(border[:row], l.ZeroPoint)
	var tail [lanes]uint8
	y := q.Y.At(s, n)
	a := quadRow{taps: w.taps, xStep: w.vectors * lanes, yStep: w.vectors * lanes,
		zeroPoint: uint8(q.ZeroPoint), lo: uint8(q.Lo), hi: uint8(q.Hi)}
	size := len(w.taps) * 4 * lanes
	for i := 0; i < g.OutH(); i += w.rows {
		for k := range w.quads {
			var rows [4][]uint8
			for r := range rows {
				rows[r] = border
				if at := i*g.Stride.H + 4*k + r - g.Pad.Top; at >= 0 && at < g.H {
					rows[r] = codes[at*row:][:row]
				}
			}
			l.interleave(quads[k*g.Stride.W*phase:], &rows)
		}
		for j := range min(w.rows, g.OutH()-i) {
			to := y[(i+j)*out:][:out]
			for v := range w.vectors {
				a.w, a.init, a.factors = &w.bytes[(v*w.rows+j)*size:][:size][0], &l.init[v*lanes], &l.factors[v*lanes]
				whole := out / lanes
				if a.vectors = (whole - v + w.vectors - 1) / w.vectors; a.vectors > 0 && v < whole {
					a.x, a.y = &quads[v*lanes], &to[v*lanes]
					depthQuads(&a)
				}
				if out%lanes > 0 && whole%w.vectors == v {
					a.x, a.y, a.vectors = &quads[whole*lanes], &tail[0], 1
					depthQuads(&a)
					copy(to[whole*lanes:], tail[:])
				}
			}
		}
	}
}

// interleave writes rows, each of a whole picture's, into a row of quads.
func (l *IntForward) interleave(quads []uint32, rows *[4][]uint8) {
	g := &l.Weights.g
	phase, stride := g.phaseLen(), g.Stride.W
	if stride == 1 {
		interleave(quads[g.Pad.Left*g.Cin:], rows, 0, g.W*g.Cin, 1, 0)
		return
	}
	for p := range stride {
		// Column p of the padded picture, and every stride columns.
		skip := max(0, (g.Pad.Left-p+stride-1)/stride)
		first := p + skip*stride - g.Pad.Left
		if count := (g.W - first + stride - 1) / stride; count > 0 {
			interleave(quads[p*phase+skip*g.Cin:], rows, first*g.Cin, g.Cin, count, stride*g.Cin)
		}
	}
}
