package kernels

// phase is the part of a kernel's taps, along one axis, that reaches the input
// positions h = offset (mod Stride): for h = offset + Stride*u the taps first,
// first-Stride, ... (count of them) meet dy at start+u, start+u+1, ...
type phase struct {
	offset              int
	first, count, start int
	length              int // positions of the phase in an axis of the given size
}

func (g *Conv) phase(offset, size int) phase {
	f := phase{offset: offset, length: (size - offset + g.Stride - 1) / g.Stride}
	least := (offset + g.Pad) % g.Stride
	if least >= g.K {
		return f // no tap reaches these positions
	}
	f.first = g.K - 1 - (g.K-1-least)%g.Stride
	f.count = (f.first-least)/g.Stride + 1
	f.start = (offset + g.Pad - f.first) / g.Stride
	return f
}

// dyBorder returns the zeros before and after dy that an axis of the given
// input and output size needs.
func (g *Conv) dyBorder(size, out int) (before, after int) {
	for o := 0; o < g.Stride; o++ {
		if f := g.phase(o, size); f.count > 0 && f.length > 0 {
			before = max(before, -f.start)
			after = max(after, f.start+f.length-1+f.count-out)
		}
	}
	return before, after
}

// InputGrad is the Loop of ConvInputGrad.
type InputGrad struct {
	anyCut
	G      Conv
	DX, DY Pictures[float32]
	W      []float32
	packed []float32
	kernel winogradKernel // instead of packed
}

// Begin implements Loop.
func (l *InputGrad) Begin(p *Pool) {
	if l.G.winograd() {
		l.kernel.pack(p, &l.G, l.W, true)
		return
	}
	l.packed = packPhases(l.packed, &l.G, l.W)
}

// End implements Loop.
func (l *InputGrad) End(*Pool) {}

// Picture implements Loop.
func (l *InputGrad) Picture(s *Scratch, _, n int) {
	g, dx, dy := &l.G, l.DX.At(s, n), l.DY.At(s, n)
	if g.winograd() {
		winogradPicture(s, dx, dy, l.kernel.weights, g.H, g.W, g.Cout, g.Cin)
		return
	}
	top, bottom := g.dyBorder(g.H, g.OutH())
	left, right := g.dyBorder(g.W, g.OutW())
	rowLen := (left + g.OutW() + right) * g.Cout
	dp := dy
	if top|bottom|left|right != 0 {
		dp = s.float32s(0, (top+g.OutH()+bottom)*rowLen)
		padImage(dp, dy, g.OutH(), g.OutW(), g.Cout, border{top, left, bottom, right})
	}
	if g.Stride > g.K {
		clear(dx) // positions between the taps
	}
	packed := l.packed
	for i := 0; i < g.Stride; i++ {
		for j := 0; j < g.Stride; j++ {
			v, h := g.phase(i, g.H), g.phase(j, g.W)
			size := v.count * h.count * g.Cout * blocksOf(g.Cin) * lanes
			if size > 0 && v.length > 0 && h.length > 0 {
				m := plane[float32, float32, float32]{
					y: dx[(i*g.W+j)*g.Cin:], x: dp[(v.start+top)*rowLen+(h.start+left)*g.Cout:], w: packed[:size],
					tail: s.float32s(1, g.W*2*lanes),
					outH: v.length, outW: h.length, channels: g.Cin, kRows: v.count, kRun: h.count * g.Cout, group: 1,
					xRow: rowLen, xPix: g.Cout, xStep: rowLen, yRow: g.Stride * g.W * g.Cin, yPix: g.Stride * g.Cin,
				}
				m.run(s)
			}
			packed = packed[size:]
		}
	}
}

// ConvInputGrad computes dx (N, H, W, Cin) from dy (N, OutH, OutW, Cout): a
// convolution of dy with the flipped kernel whose input and output channels are
// exchanged. With a stride, dx falls into Stride*Stride interleaved pictures,
// each the convolution of dy with its own part of the kernel.
func ConvInputGrad(p *Pool, g Conv, dx, dy, w []float32) {
	p.Run(g.N, &InputGrad{G: g, DX: Batch(dx[:g.InLen()], g.N), DY: Batch(dy[:g.OutLen()], g.N), W: w})
}

// packPhases writes w (K, K, Cin, Cout) for ConvInputGrad, one part a pair of
// phases, [block of Cin][taps, last first][Cout][16], zero padded, into dst,
// whose memory it reuses.
func packPhases(dst []float32, g *Conv, w []float32) []float32 {
	blocks := blocksOf(g.Cin)
	dst, w = grow(dst, g.K*g.K*g.Cout*blocks*lanes), w[:g.WeightLen()]
	part := dst
	for i := range g.Stride {
		for j := range g.Stride {
			v, h := g.phase(i, g.H), g.phase(j, g.W)
			taps := v.count * h.count
			for b := range blocks {
				for t := range taps {
					r, s := v.first-t/h.count*g.Stride, h.first-t%h.count*g.Stride
					d := part[(b*taps+t)*g.Cout*lanes:][:g.Cout*lanes]
					transpose(d, w[((r*g.K+s)*g.Cin+b*lanes)*g.Cout:], min(lanes, g.Cin-b*lanes), g.Cout)
				}
			}
			part = part[taps*g.Cout*blocks*lanes:]
		}
	}
	return dst
}

// transpose writes src (rows, cols) to dst (cols, 16), zero padded.
func transpose(dst, src []float32, rows, cols int) {
	if rows < lanes {
		clear(dst)
	}
	for r := range rows {
		for c, v := range src[r*cols:][:cols] {
			dst[c*lanes+r] = v
		}
	}
}
