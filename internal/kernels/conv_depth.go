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
	for t := range taps {
		for c, v := range w[t*g.Cin:][:g.Cin] {
			dst[(c/lanes*taps+t)*lanes+c%lanes] = float32(v)
		}
	}
	return dst
}

// depthFloats bounds the elements of the rows that are in work together.
const depthFloats = 32 << 10

// depthStep is how many rows of the output, or of its gradient, are in work together.
func (g *Conv) depthStep() int {
	return max(1, depthFloats/(g.Cin*(g.Stride.H*g.W+g.OutW())))
}

// depthSource is the rows of a picture from first on, of h.
type depthSource struct {
	data               []float32
	first, h, w, chans int
}

// block copies 16 channels, from channel c on, of some rows, from row from on, into dst (rows, left + w + right, 16), with
// zeros for what is outside. What it writes for channels beyond the last is anything.
func (x *depthSource) block(dst []float32, c, left, right, from, rows int) {
	rowLen := (left + x.w + right) * lanes
	for i := range rows {
		d, y := dst[i*rowLen:][:rowLen], from+i
		if y < 0 || y >= x.h {
			clear(d)
			continue
		}
		clear(d[:left*lanes])
		clear(d[(left+x.w)*lanes:])
		copyBlock(d[left*lanes:][:x.w*lanes], x.data[(y-x.first)*x.w*x.chans+c:], x.chans)
	}
}

// copyBlock copies the 16 channels from src on of pixels channels apart.
func copyBlock(dst, src []float32, channels int) {
	for len(dst) > 0 && len(src) >= lanes {
		*(*[lanes]float32)(dst) = *(*[lanes]float32)(src)
		dst, src = dst[lanes:], src[min(channels, len(src)):]
	}
	for len(dst) > 0 { // the last few of the picture
		copy(dst[:lanes], src)
		dst, src = dst[lanes:], src[min(channels, len(src)):]
	}
}

// depthPlane is the convolution of one block of channels.
type depthPlane struct {
	depth
	y     []float32
	width int // channels
}

func (m *depthPlane) run(s *Scratch) {
	if m.width == lanes {
		m.depth.y = &m.y[:(m.rows-1)*m.yRow+(m.pixels-1)*m.yPix+lanes][0]
		convDepth(&m.depth)
		return
	}
	yRow, yPix := m.yRow, m.yPix
	tail := s.float32s(1, m.rows*m.pixels*lanes)
	m.depth.y, m.yRow, m.yPix = &tail[0], m.pixels*lanes, lanes
	convDepth(&m.depth)
	for i := range m.rows {
		for p := range m.pixels {
			copy(m.y[i*yRow+p*yPix:][:m.width], tail[(i*m.pixels+p)*lanes:])
		}
	}
}

// depthForward computes rows of the output, from row first on, into y.
func depthForward(s *Scratch, g *Conv, y, packed []float32, x depthSource, first, rows int) {
	from, count := first*g.Stride.H-g.Pad.Top, (rows-1)*g.Stride.H+g.Kernel.H
	ow, row, size := g.OutW(), g.padW()*lanes, g.taps()*lanes
	xp := s.float32s(0, count*row)
	for c := 0; c < g.Cin; c += lanes {
		x.block(xp, c, g.Pad.Left, g.Pad.Right, from, count)
		m := depthPlane{y: y[c:], width: min(lanes, g.Cin-c), depth: depth{
			x: &xp[0], w: &packed[c/lanes*size:][:size][0], rows: rows, pixels: ow, kRows: g.Kernel.H, kRun: g.Kernel.W,
			xRow: row, xPix: g.Stride.W * lanes, xStep: g.Stride.H * row, yRow: ow * g.Cin, yPix: g.Cin,
		}}
		m.run(s)
	}
}

func (l *Forward) pictureDepth(s *Scratch, n int) {
	g, x, y := &l.G, l.X.At(s, n), l.Y.At(s, n)
	step, row := g.depthStep(), g.OutW()*g.Cin
	for i := 0; i < g.OutH(); i += step {
		depthForward(s, g, y[i*row:], l.packed, depthSource{x, 0, g.H, g.W, g.Cin}, i, min(step, g.OutH()-i))
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
	dy := depthSource{l.DY.At(s, n), 0, rows.out(), cols.out(), g.Cout}
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
						m := depthPlane{y: dx[((u*g.Stride.H+i)*g.W+j)*g.Cin+c:], width: min(lanes, g.Cin-c), depth: depth{
							x: &dp[(v.start-lo)*row+(h.start+left)*lanes:][:(n-1+v.count-1)*row+(h.length-1+h.count)*lanes][0], w: &packed[:size][0],
							rows: n, pixels: h.length, kRows: v.count, kRun: h.count, xRow: row, xPix: lanes, xStep: row,
							yRow: g.Stride.H * g.W * g.Cin, yPix: g.Stride.W * g.Cin,
						}}
						m.run(s)
					}
					packed = packed[size:]
				}
			}
		}
	}
}

// addDepth adds picture n to the partial sum [block of channels][KH*KW][16].
func (l *WeightGrad) addDepth(s *Scratch, n int, sum []float32) {
	g := &l.G
	oh, ow, kh, kw, row := g.OutH(), g.OutW(), g.Kernel.H, g.Kernel.W, g.padW()*lanes
	step := g.depthStep()
	for i := 0; i < oh; i += step {
		rows := min(step, oh-i)
		from, count := i*g.Stride.H-g.Pad.Top, (rows-1)*g.Stride.H+kh
		x := depthSource{first: 0, h: g.H, w: g.W, chans: g.Cin}
		if l.Codes.Data == nil {
			x.data = l.X.At(s, n)
		} else {
			x.first = max(0, from)
			wanted := max(0, min(g.H, from+count)-x.first)
			x.data = s.float32s(2, wanted*g.W*g.Cin)
			l.copyPixels(x.data, s, n, x.first*g.W, wanted*g.W, g.Cin)
		}
		xp := s.float32s(0, count*row)
		dyRows := l.DY.At(s, n)[i*ow*g.Cin:][:rows*ow*g.Cin]
		for c := 0; c < g.Cin; c += lanes {
			x.block(xp, c, g.Pad.Left, g.Pad.Right, from, count)
			dy, dyPix := dyRows[c:], g.Cin
			if g.Cin-c < lanes {
				dyPix = lanes
				dy = s.float32s(1, rows*ow*lanes)
				copyBlock(dy, dyRows[c:], g.Cin)
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
