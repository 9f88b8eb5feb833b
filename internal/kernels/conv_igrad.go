package kernels

// InputGrad is the Loop of ConvInputGrad.
type InputGrad struct {
	anyCut
	G      Conv
	DX, DY Pictures[float32]
	W      []float32
	Packed []float32 // memory for PackedLen values, which the loop overwrites; its own if nil
	packed []float32
	kernel winogradKernel // instead of packed
	groups []InputGrad
}

// PackedLen returns the length of the weights in the order that the loop reads.
func (l *InputGrad) PackedLen() int { return l.G.packedLen(l.G.Cout, l.G.Cin) }

// Begin implements Loop.
func (l *InputGrad) Begin(p *Pool) {
	if l.Packed != nil {
		l.packed = l.Packed
		l.kernel.use(l.Packed, &l.G)
	}
	switch g := &l.G; {
	case g.depthwise():
		l.packed = packDepthPhases(l.packed, g, l.W)
	case g.Groups > 1:
		l.beginGroups(p)
	case g.winograd():
		l.kernel.pack(p, g, l.W, true)
	default:
		l.packed = packPhases(p, l.packed, g, l.W)
	}
}

// End implements Loop.
func (l *InputGrad) End(*Pool) {}

// Picture implements Loop.
func (l *InputGrad) Picture(s *Scratch, piece, n int) {
	g, dx, dy := &l.G, l.DX.At(s, n), l.DY.At(s, n)
	switch {
	case g.depthwise():
		l.pictureDepth(s, n)
		return
	case g.Groups > 1:
		l.pictureGroups(s, piece, n)
		return
	case g.winograd():
		winogradPicture(s, dx, dy, l.kernel.weights, g.H, g.W, g.Cout, g.Cin)
		return
	}
	rows, cols := g.rows(), g.cols()
	top, bottom := rows.dyBorder()
	left, right := cols.dyBorder()
	rowLen := (left + g.OutW() + right) * g.Cout
	dp := dy
	if top|bottom|left|right != 0 {
		dp = s.float32s(0, (top+g.OutH()+bottom)*rowLen)
		padImage(dp, dy, g.OutH(), g.OutW(), g.Cout, Border{top, left, bottom, right})
	}
	if g.Stride.H > g.Kernel.H || g.Stride.W > g.Kernel.W {
		clear(dx) // positions between the taps
	}
	packed := l.packed
	for i := range g.Stride.H {
		for j := range g.Stride.W {
			v, h := rows.phase(i), cols.phase(j)
			size := v.count * h.count * g.Cout * blocksOf(g.Cin) * lanes
			if size > 0 && v.length > 0 && h.length > 0 {
				m := plane[float32, float32, float32]{
					y: dx[(i*g.W+j)*g.Cin:], x: dp[(v.start+top)*rowLen+(h.start+left)*g.Cout:], w: packed[:size],
					tail: s.float32s(1, max(g.W, joinedPixels)*2*lanes),
					outH: v.length, outW: h.length, channels: g.Cin, kRows: v.count, kRun: h.count * g.Cout, group: 1,
					xRow: rowLen, xPix: g.Cout, xStep: rowLen, yRow: g.Stride.H * g.W * g.Cin, yPix: g.Stride.W * g.Cin,
				}
				m.run(s)
			}
			packed = packed[size:]
		}
	}
}

// ConvInputGrad computes dx (N, H, W, Cin) from dy (N, OutH, OutW, Cout): a
// convolution of dy with the flipped kernel whose input and output channels are
// exchanged. With a stride, dx falls into Stride.H*Stride.W interleaved pictures,
// each the convolution of dy with its own part of the kernel.
func ConvInputGrad(p *Pool, g Conv, dx, dy, w []float32) {
	p.Run(g.N, &InputGrad{G: g, DX: Batch(dx[:g.InLen()], g.N), DY: Batch(dy[:g.OutLen()], g.N), W: w})
}

// packPhases writes w (KH, KW, Cin, Cout) for ConvInputGrad, one part a pair of
// phases, [block of Cin][taps, last first][Cout][16], zero padded, into dst,
// whose memory it reuses.
func packPhases(p *Pool, dst []float32, g *Conv, w []float32) []float32 {
	blocks := blocksOf(g.Cin)
	dst = grow(dst, g.taps()*g.Cout*blocks*lanes)
	loop(p, blocks, phasePack{*g, dst, w[:g.WeightLen()]}, func(_ *Scratch, block int, a *phasePack) { a.run(block) })
	return dst
}

type phasePack struct {
	g      Conv
	dst, w []float32
}

// run packs one block of inputs.
func (a *phasePack) run(block int) {
	g, part, size := &a.g, a.dst, a.g.Cout*lanes
	rows, cols := g.rows(), g.cols()
	for i := range g.Stride.H {
		for j := range g.Stride.W {
			v, h := rows.phase(i), cols.phase(j)
			taps := v.count * h.count
			for t := range taps {
				r, s := v.first-t/h.count*g.Stride.H, h.first-t%h.count*g.Stride.W
				from := a.w[((r*g.Kernel.W+s)*g.Cin+block*lanes)*g.Cout:]
				transpose(part[(block*taps+t)*size:][:size], from, min(lanes, g.Cin-block*lanes), g.Cout)
			}
			part = part[taps*size*blocksOf(g.Cin):]
		}
	}
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
