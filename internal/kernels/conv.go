package kernels

import "fmt"

// lanes is the number of output channels that kernels work on together: one
// 512-bit vector of float32 or int32. Packed weights are padded to it.
const lanes = 16

// Conv is the geometry of a 2-D convolution: input (N, H, W, Cin), kernel
// (K, K, Cin, Cout), zero padding Pad on each side, output
// (N, OutH, OutW, Cout) with OutH = (H + 2 Pad - K)/Stride + 1, rounded down.
type Conv struct {
	N, H, W, Cin, Cout, K, Stride, Pad int
}

// OutH returns the output height in pixels.
func (g Conv) OutH() int { return (g.H+2*g.Pad-g.K)/g.Stride + 1 }

// OutW returns the output width in pixels.
func (g Conv) OutW() int { return (g.W+2*g.Pad-g.K)/g.Stride + 1 }

// InLen, OutLen and WeightLen are the element counts of input, output, kernel.
func (g Conv) InLen() int     { return g.N * g.H * g.W * g.Cin }
func (g Conv) OutLen() int    { return g.N * g.OutH() * g.OutW() * g.Cout }
func (g Conv) WeightLen() int { return g.K * g.K * g.Cin * g.Cout }

// MACs returns the multiply-accumulates of one forward pass over the batch.
func (g Conv) MACs() int64 {
	return int64(g.N) * int64(g.OutH()*g.OutW()) * int64(g.WeightLen())
}

// Check reports a geometry that no kernel accepts.
func (g Conv) Check() error {
	if g.N < 0 || g.H < 1 || g.W < 1 || g.Cin < 1 || g.Cout < 1 || g.K < 1 || g.Stride < 1 || g.Pad < 0 || g.Pad >= g.K ||
		g.H+2*g.Pad < g.K || g.W+2*g.Pad < g.K {
		return fmt.Errorf("convolution %+v: sizes must be positive, 0 <= Pad < K, and the kernel must fit the padded input", g)
	}
	return nil
}

// Derived sizes: one picture, and the padded picture that kernels walk over.
func (g Conv) padH() int     { return g.H + 2*g.Pad }
func (g Conv) padW() int     { return g.W + 2*g.Pad }
func (g Conv) inImage() int  { return g.H * g.W * g.Cin }
func (g Conv) outImage() int { return g.OutH() * g.OutW() * g.Cout }

// blocksOf returns channels in blocks of 16 lanes, rounded up.
func blocksOf(channels int) int { return (channels + lanes - 1) / lanes }

// packWeights writes w (K, K, Cin, Cout) as [block of Cout][K, K, Cin][16], zero
// padded, into dst, whose memory it reuses.
func packWeights(dst []float32, g *Conv, w []float32) []float32 {
	rows := g.K * g.K * g.Cin
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

// border is the width in pixels of the zeros around a picture.
type border struct{ top, left, bottom, right int }

// padImage copies one picture (h, w, c) into dst (top+h+bottom,
// left+w+right, c) and surrounds it with zeros.
func padImage(dst, src []float32, h, w, c int, b border) {
	padRows(dst, src, h, w, c, b, 0, b.top+h+b.bottom)
}

// padRows is padImage for some rows of the result.
func padRows(dst, src []float32, h, w, c int, b border, from, rows int) {
	rowLen := (b.left + w + b.right) * c
	for i := range rows {
		d, y := dst[i*rowLen:][:rowLen], from+i-b.top
		if y < 0 || y >= h {
			clear(d)
			continue
		}
		clear(d[:b.left*c])
		copy(d[b.left*c:], src[y*w*c:][:w*c])
		clear(d[(b.left+w)*c:])
	}
}

// Forward is the Loop of ConvForward.
type Forward struct {
	anyCut
	G      Conv
	Y, X   Pictures[float32]
	W      []float32
	packed []float32
	kernel winogradKernel // instead of packed
}

// Begin implements Loop.
func (l *Forward) Begin(p *Pool) {
	if l.G.winograd() {
		l.kernel.pack(p, &l.G, l.W, false)
		return
	}
	l.packed = packWeights(l.packed, &l.G, l.W)
}

// End implements Loop.
func (l *Forward) End(*Pool) {}

// Picture implements Loop.
func (l *Forward) Picture(s *Scratch, _, n int) {
	g := &l.G
	if g.winograd() {
		winogradPicture(s, l.Y.At(s, n), l.X.At(s, n), l.kernel.weights, g.H, g.W, g.Cin, g.Cout)
		return
	}
	m := plane[float32, float32, float32]{
		y: l.Y.At(s, n), x: l.X.At(s, n), w: l.packed,
		tail: s.float32s(1, g.OutW()*2*lanes),
		outH: g.OutH(), outW: g.OutW(), channels: g.Cout, kRows: g.K, kRun: g.K * g.Cin, group: 1,
		xRow: g.padW() * g.Cin, xPix: g.Stride * g.Cin, xStep: g.Stride * g.padW() * g.Cin,
		yRow: g.OutW() * g.Cout, yPix: g.Cout,
	}
	if g.Pad > 0 {
		xp := s.float32s(0, g.padH()*g.padW()*g.Cin)
		padImage(xp, m.x, g.H, g.W, g.Cin, border{g.Pad, g.Pad, g.Pad, g.Pad})
		m.x = xp
	}
	m.run(s)
}

// ConvForward computes y = x * w for y (N, OutH, OutW, Cout), x (N, H, W, Cin)
// and w (K, K, Cin, Cout).
func ConvForward(p *Pool, g Conv, y, x, w []float32) {
	p.Run(g.N, &Forward{G: g, Y: Batch(y[:g.OutLen()], g.N), X: Batch(x[:g.InLen()], g.N), W: w})
}
