package kernels

// lanes is the number of output channels that kernels work on together: one
// 512-bit vector of float32 or int32. Packed weights are padded to it.
const lanes = 16

// blocksOf returns channels in blocks of 16 lanes, rounded up.
func blocksOf(channels int) int { return (channels + lanes - 1) / lanes }

// packWeights writes w (KH, KW, Cin, Cout) as [block of Cout][KH, KW, Cin][16], zero
// padded, into dst, whose memory it reuses.
func packWeights(dst []float32, g *Conv, w []float32) []float32 {
	rows := g.taps() * g.Cin
	dst, w = grow(dst, rows*blocksOf(g.Cout)*lanes), w[:g.WeightLen()]
	for b := range blocksOf(g.Cout) {
		n := min(lanes, g.Cout-b*lanes)
		for r := range rows {
			d := dst[(b*rows+r)*lanes:][:lanes]
			copy(d, w[r*g.Cout+b*lanes:][:n])
			clear(d[n:])
		}
	}
	return dst
}

// padImage copies one picture (h, w, c) into dst (Top+h+Bottom,
// Left+w+Right, c) and surrounds it with zeros.
func padImage(dst, src []float32, h, w, c int, b Border) {
	padRows(dst, src, h, w, c, b, 0, b.Top+h+b.Bottom, 0)
}

// padRows is padImage for some rows of the result, and any value around.
func padRows[T comparable](dst, src []T, h, w, c int, b Border, from, rows int, border T) {
	rowLen := (b.Left + w + b.Right) * c
	for i := range rows {
		d, y := dst[i*rowLen:][:rowLen], from+i-b.Top
		if y < 0 || y >= h {
			fill(d, border)
			continue
		}
		fill(d[:b.Left*c], border)
		copy(d[b.Left*c:], src[y*w*c:][:w*c])
		fill(d[(b.Left+w)*c:], border)
	}
}

// Forward is the Loop of ConvForward.
type Forward struct {
	anyCut
	G      Conv
	Y, X   Pictures[float32]
	W      []float32
	Packed []float32 // memory for PackedLen values, which the loop overwrites; its own if nil
	packed []float32
	kernel winogradKernel // instead of packed
	groups []Forward
}

// PackedLen returns the length of the weights in the order that the loop reads.
func (l *Forward) PackedLen() int { return l.G.packedLen(l.G.Cin, l.G.Cout) }

// packedLen is the length of packed weights whose products with so many inputs are summed, for so many outputs. Groups pack
// into memory of their own.
func (g *Conv) packedLen(in, out int) int {
	switch {
	case g.depthwise():
		return g.taps() * blocksOf(g.Cin) * lanes
	case g.Groups > 1:
		return 0
	case g.winograd() != nil:
		return g.winogradLen()
	}
	return g.taps() * in * blocksOf(out) * lanes
}

// Begin implements Loop.
func (l *Forward) Begin(p *Pool) {
	if l.Packed != nil {
		l.packed = l.Packed
		l.kernel.use(l.Packed, &l.G)
	}
	switch g := &l.G; {
	case g.depthwise():
		l.packed = packDepth(l.packed, g, l.W)
	case g.Groups > 1:
		l.beginGroups(p)
	case g.winograd() != nil:
		l.kernel.pack(p, g, kernel{floats: l.W}, false)
	default:
		l.packed = packWeights(l.packed, g, l.W)
	}
}

// End implements Loop.
func (l *Forward) End(*Pool) {}

// Picture implements Loop.
func (l *Forward) Picture(s *Scratch, piece, n int) {
	g := &l.G
	switch {
	case g.depthwise():
		l.pictureDepth(s, n)
		return
	case g.Groups > 1:
		l.pictureGroups(s, piece, n)
		return
	case g.winograd() != nil:
		g.winograd().picture(s, l.Y.At(s, n), l.X.At(s, n), l.kernel.weights, g.H, g.W, g.Cin, g.Cout)
		return
	}
	m := plane[float32, float32, float32]{
		y: l.Y.At(s, n), x: l.X.At(s, n), w: l.packed,
		tail: s.float32s(1, max(g.OutW(), joinedPixels)*2*lanes),
		outH: g.OutH(), outW: g.OutW(), channels: g.Cout, kRows: g.Kernel.H, kRun: g.Kernel.W * g.Cin, group: 1,
		xRow: g.padW() * g.Cin, xPix: g.Stride.W * g.Cin, xStep: g.Stride.H * g.padW() * g.Cin,
		yRow: g.OutW() * g.Cout, yPix: g.Cout,
	}
	if g.Pad != (Border{}) {
		xp := s.float32s(0, g.padH()*g.padW()*g.Cin)
		padImage(xp, m.x, g.H, g.W, g.Cin, g.Pad)
		m.x = xp
	}
	m.run(s)
}

// ConvForward computes y = x * w for y (N, OutH, OutW, Cout), x (N, H, W, Cin)
// and w (KH, KW, Cin/Groups, Cout).
func ConvForward(p *Pool, g Conv, y, x, w []float32) {
	p.Run(g.N, &Forward{G: g, Y: Batch(y[:g.OutLen()], g.N), X: Batch(x[:g.InLen()], g.N), W: w})
}
