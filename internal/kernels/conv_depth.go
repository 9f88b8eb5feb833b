package kernels

import "unsafe"

// A depthwise convolution computes each channel on its own: 16 of them are the lanes. They are copied out of some rows of
// the picture at a time, with their border, so that what a kernel reads lies close together.

// depth describes to a kernel rows of a depthwise convolution of 16 channels. Strides count elements:
//
//	for i < rows, p < pixels, l < 16:
//	  acc = 0
//	  for r < kRows, k < kRun: acc += x[i*xStep + r*xRow + p*xPix + k*16 + l] * w[(r*kRun+k)*16 + l]
//	  y[i*yRow + p*yPix + l] = acc
type depth struct {
	y, x, w           *float32
	rows, pixels      int
	kRows, kRun       int
	xRow, xPix, xStep int
	yRow, yPix        int
}

func convDepthGeneric(a *depth) {
	for i := range a.rows {
		for p := range a.pixels {
			var acc [lanes]float32
			for r := range a.kRows {
				for k := range a.kRun {
					x, w := block(a.x, i*a.xStep+r*a.xRow+p*a.xPix+k*lanes), block(a.w, (r*a.kRun+k)*lanes)
					for l := range acc {
						acc[l] = fma32(x[l], w[l], acc[l])
					}
				}
			}
			*block(a.y, i*a.yRow+p*a.yPix) = acc
		}
	}
}

// depthGrad describes to a kernel the weight gradient of a depthwise convolution of 16 channels:
//
//	for r < kRows, k < kRun, l < 16:
//	  acc = dw[r*dwRow + k*16 + l]
//	  for i < rows, p < cols: acc += x[i*xStep + r*xRow + p*xPix + k*16 + l] * dy[i*dyRow + p*dyPix + l]
//	  dw[r*dwRow + k*16 + l] = acc
type depthGrad struct {
	dw, x, dy         *float32
	rows, cols        int
	kRows, kRun       int // at most 3 and 5
	xRow, xPix, xStep int
	dyRow, dyPix      int
	dwRow             int
}

func wgradDepthGeneric(a *depthGrad) {
	for r := range a.kRows {
		for k := range a.kRun {
			dw := block(a.dw, r*a.dwRow+k*lanes)
			acc := *dw
			for i := range a.rows {
				for p := range a.cols {
					x, dy := block(a.x, i*a.xStep+r*a.xRow+p*a.xPix+k*lanes), block(a.dy, i*a.dyRow+p*a.dyPix)
					for l := range acc {
						acc[l] = fma32(x[l], dy[l], acc[l])
					}
				}
			}
			*dw = acc
		}
	}
}

// block is the 16 elements from i on.
func block(p *float32, i int) *[lanes]float32 { return (*[lanes]float32)(unsafe.Pointer(at(p, i))) }

// packDepth writes w (KH, KW, channels) as [block of channels][KH*KW][16], zero padded, into dst, whose memory it reuses.
func packDepth[T float32 | int8](dst []float32, g *Conv, w []T) []float32 {
	taps := g.taps()
	dst, w = grow(dst, taps*blocksOf(g.Cin)*lanes), w[:g.WeightLen()]
	clear(dst)
	for c := 0; c < g.Cin; c += lanes {
		for t := range taps {
			d := dst[(c/lanes*taps+t)*lanes:][:lanes]
			for l, v := range w[t*g.Cin+c:][:min(lanes, g.Cin-c)] {
				d[l] = float32(v)
			}
		}
	}
	return dst
}

// depthFloats bounds the elements of the rows that are in work together.
const depthFloats = 128 << 10

// depthStep is how many rows of the output, or of its gradient, are in work together.
func (g *Conv) depthStep() int {
	return max(1, depthFloats/(g.Cin*(g.Stride.H*g.W+g.OutW())))
}

// depthSource is a picture (h, w, channels): floats, or codes whose reals are their distance from a zero point.
type depthSource struct {
	floats         []float32
	codes          []uint8 // instead
	zeroPoint      uint8
	h, w, channels int
}

// block copies 16 channels, from channel c on, of some rows, from row from on, into dst (rows, left + w + right, 16), with
// zeros for what is outside: they are there from block 0 on. What it writes for channels beyond the last is anything.
func (x *depthSource) block(dst []float32, c, left, right, from, rows int) {
	rowLen := (left + x.w + right) * lanes
	first, end := max(0, -from), min(rows, x.h-from) // inside
	if c == 0 {
		x.border(dst[:rows*rowLen], left, rowLen, min(first, rows), max(end, 0))
	}
	if first >= end {
		return
	}
	dst, count, row := dst[first*rowLen+left*lanes:], end-first, x.w*x.channels
	at := (from+first)*row + c
	if x.codes != nil {
		done := codesBlock(dst, x.codes[at:], count, x.w, rowLen, row, x.channels, x.zeroPoint)
		for p := done * x.w; p < count*x.w; p++ {
			from := x.codes[at+p*x.channels:]
			codesToFloatGeneric(dst[p/x.w*rowLen+p%x.w*lanes:], from[:min(lanes, len(from))], x.zeroPoint)
		}
		return
	}
	done := copyBlock(dst, x.floats[at:], count, x.w, rowLen, row, x.channels)
	for p := done * x.w; p < count*x.w; p++ {
		copy(dst[p/x.w*rowLen+p%x.w*lanes:][:lanes], x.floats[at+p*x.channels:])
	}
}

// border clears what is not within rows first to end.
func (x *depthSource) border(dst []float32, left, rowLen, first, end int) {
	if first >= end {
		clear(dst)
		return
	}
	clear(dst[:first*rowLen+left*lanes])
	for i := first + 1; i < end; i++ { // the right of a row and the left of the next
		clear(dst[i*rowLen-rowLen+(left+x.w)*lanes : i*rowLen+left*lanes])
	}
	clear(dst[end*rowLen-rowLen+(left+x.w)*lanes:])
}

// tail is how many elements the rows have if nothing lies between them.
func (a *depth) tail() int { return a.rows * a.pixels * lanes }

// storeDepth lets run write the first width of 16 channels to y: through tail if they are fewer.
func storeDepth[T any](tail, y []T, width int, a *depth, run func(y *T)) {
	if width == lanes {
		run(&y[:(a.rows-1)*a.yRow+(a.pixels-1)*a.yPix+lanes][0])
		return
	}
	row, pix := a.yRow, a.yPix
	a.yRow, a.yPix = a.pixels*lanes, lanes
	run(&tail[0])
	for i := range a.rows {
		for p := range a.pixels {
			copy(y[i*row+p*pix:][:width], tail[(i*a.pixels+p)*lanes:])
		}
	}
}

// store computes floats.
func (a *depth) store(s *Scratch, y []float32, width int) {
	storeDepth(s.float32s(1, a.tail()), y, width, a, func(y *float32) { a.y = y; convDepth(a) })
}

// depthRows returns rows of the output, from row first on, of the 16 channels from c on, whose input it lays out. The blocks
// of channels are to come in order.
func (g *Conv) depthRows(s *Scratch, x *depthSource, packed []float32, c, first, rows int) depth {
	ow, row, size, count := g.OutW(), g.padW()*lanes, g.taps()*lanes, (rows-1)*g.Stride.H+g.Kernel.H
	xp := s.float32s(0, count*row)
	x.block(xp, c, g.Pad.Left, g.Pad.Right, first*g.Stride.H-g.Pad.Top, count)
	return depth{x: &xp[0], w: &packed[c/lanes*size:][:size][0], rows: rows, pixels: ow, kRows: g.Kernel.H, kRun: g.Kernel.W,
		xRow: row, xPix: g.Stride.W * lanes, xStep: g.Stride.H * row, yRow: ow * g.Cin, yPix: g.Cin}
}

func (l *Forward) pictureDepth(s *Scratch, n int) {
	g, y := &l.G, l.Y.At(s, n)
	step, x := g.depthStep(), depthSource{floats: l.X.At(s, n), h: g.H, w: g.W, channels: g.Cin}
	for i := 0; i < g.OutH(); i += step {
		for c := 0; c < g.Cin; c += lanes {
			a := g.depthRows(s, &x, l.packed, c, i, min(step, g.OutH()-i))
			a.store(s, y[i*a.yRow+c:], min(lanes, g.Cin-c))
		}
	}
}

// packDepthPhases writes w (KH, KW, channels) for the input gradient: [block of channels], one part a pair of phases
// [taps, last first][16].
func packDepthPhases(dst []float32, g *Conv, w []float32) []float32 {
	dst, w = grow(dst, g.taps()*blocksOf(g.Cin)*lanes), w[:g.WeightLen()]
	clear(dst)
	rows, cols := g.rows(), g.cols()
	for c := 0; c < g.Cin; c += lanes {
		part := dst[c*g.taps():]
		for i := range g.Stride.H {
			for j := range g.Stride.W {
				v, h := rows.phase(i), cols.phase(j)
				for t := range v.count * h.count {
					r, s := v.first-t/h.count*g.Stride.H, h.first-t%h.count*g.Stride.W
					copy(part[:min(lanes, g.Cin-c)], w[(r*g.Kernel.W+s)*g.Cin+c:])
					part = part[lanes:]
				}
			}
		}
	}
	return dst
}

func (l *InputGrad) pictureDepth(s *Scratch, n int) {
	g, dx := &l.G, l.DX.At(s, n)
	if g.Stride.H > g.Kernel.H || g.Stride.W > g.Kernel.W {
		clear(dx) // positions between the taps
	}
	rows, cols := g.rows(), g.cols()
	dy := depthSource{floats: l.DY.At(s, n), h: rows.out(), w: cols.out(), channels: g.Cin}
	left, right := cols.dyBorder()
	row := (left + dy.w + right) * lanes
	lo, hi := g.H, -g.H // the rows of dy that rows of dx see, of each phase
	for i := range g.Stride.H {
		if v := rows.phase(i); v.count > 0 {
			lo, hi = min(lo, v.start), max(hi, v.start+v.count)
		}
	}
	step := g.depthStep()
	for u := 0; u*g.Stride.H < g.H; u += step { // step rows of each phase
		count := step - 1 + hi - lo
		dp := s.float32s(0, count*row)
		for c := 0; c < g.Cin; c += lanes {
			dy.block(dp, c, left, right, u+lo, count)
			packed := l.packed[c*g.taps():]
			for i := range g.Stride.H {
				for j := range g.Stride.W {
					v, h := rows.phase(i), cols.phase(j)
					size := v.count * h.count * lanes
					if n := min(step, v.length-u); size > 0 && n > 0 && h.length > 0 {
						a := depth{
							x: &dp[(v.start-lo)*row+(h.start+left)*lanes:][:(n-1+v.count-1)*row+(h.length-1+h.count)*lanes][0], w: &packed[:size][0],
							rows: n, pixels: h.length, kRows: v.count, kRun: h.count, xRow: row, xPix: lanes, xStep: row,
							yRow: g.Stride.H * g.W * g.Cin, yPix: g.Stride.W * g.Cin,
						}
						a.store(s, dx[((u*g.Stride.H+i)*g.W+j)*g.Cin+c:], min(lanes, g.Cin-c))
					}
					packed = packed[size:]
				}
			}
		}
	}
}

// depthSource is picture n of the input.
func (l *WeightGrad) depthSource(s *Scratch, n int) depthSource {
	g := &l.G
	x := depthSource{zeroPoint: l.ZeroPoint, h: g.H, w: g.W, channels: g.Cin}
	switch {
	case l.Codes.Data == nil:
		x.floats = l.X.At(s, n)
	case l.Offset == 0:
		x.codes = l.Codes.At(s, n)
	default:
		x.floats = s.float32s(2, g.inImage())
		l.copyPixels(x.floats, s, n, 0, g.H*g.W, g.Cin)
	}
	return x
}

// addDepth adds picture n to the partial sum [block of channels][KH*KW][16].
func (l *WeightGrad) addDepth(s *Scratch, n int, sum []float32) {
	g := &l.G
	oh, ow, kh, kw, row := g.OutH(), g.OutW(), g.Kernel.H, g.Kernel.W, g.padW()*lanes
	step := g.depthStep()
	x, dyAll := l.depthSource(s, n), depthSource{floats: l.DY.At(s, n), h: oh, w: ow, channels: g.Cin}
	for i := 0; i < oh; i += step {
		rows := min(step, oh-i)
		from, count := i*g.Stride.H-g.Pad.Top, (rows-1)*g.Stride.H+kh
		xp := s.float32s(0, count*row)
		for c := 0; c < g.Cin; c += lanes {
			x.block(xp, c, g.Pad.Left, g.Pad.Right, from, count)
			dy, dyPix := dyAll.floats[i*ow*g.Cin+c:], g.Cin
			if g.Cin-c < lanes {
				dyPix = lanes
				dy = s.float32s(1, rows*ow*lanes)
				dyAll.block(dy, c, 0, 0, i, rows)
			}
			for r := 0; r < kh; r += 3 {
				for k := 0; k < kw; k += 5 {
					wgradDepth(&depthGrad{
						dw: &sum[(c/lanes*kh*kw+r*kw+k)*lanes], x: &xp[r*row+k*lanes], dy: &dy[:(rows*ow-1)*dyPix+lanes][0],
						rows: rows, cols: ow, kRows: min(3, kh-r), kRun: min(5, kw-k), xRow: row, xPix: g.Stride.W * lanes, xStep: g.Stride.H * row,
						dyRow: ow * dyPix, dyPix: dyPix, dwRow: kw * lanes,
					})
				}
			}
		}
	}
}

// totalDepth adds the partial sums of one block of channels and writes them to dw.
func (l *WeightGrad) totalDepth(b int) {
	g, taps := &l.G, l.G.taps()
	lo, hi := b*taps*lanes, (b+1)*taps*lanes
	sum := l.partial[lo:hi]
	for piece := 1; piece < l.sums; piece++ {
		addRow(sum, sum, l.partial[piece*l.size:][lo:hi])
	}
	f := l.factor()
	for t := range taps {
		for c := range min(lanes, g.Cin-b*lanes) {
			l.DW[t*g.Cin+b*lanes+c] = sum[t*lanes+c] * f
		}
	}
}
