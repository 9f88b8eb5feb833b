package kernels

// InputGrad is the Loop of ConvInputGrad.
type InputGrad struct {
	anyCut
	G      Conv
	DX, DY Pictures[float32]
	W      []float32
	Codes  []int8    // instead of W, which is Scale[c]*Codes, or with one scale
	Scale  []float32 // of each output channel, or one
	Packed []float32 // memory for PackedLen values, which the loop overwrites; its own if nil
	packed []float32
	kernel winogradKernel // instead of packed
	groups []InputGrad
	floats []float32 // of Codes, where kernels take no codes
}

// PackedLen returns the length of the weights in the order that the loop reads.
func (l *InputGrad) PackedLen() int { return l.G.packedLen(l.G.Cout, l.G.Cin) }

// Begin implements Loop.
func (l *InputGrad) Begin(p *Pool) {
	if l.Packed != nil {
		l.packed = l.Packed
		l.kernel.use(l.Packed, &l.G)
	}
	if l.Codes != nil && l.G.Groups > 1 {
		l.floats = grow(l.floats, l.G.WeightLen())
		l.W = l.floats
		DequantizeWeights(l.W, l.Codes, l.Scale)
	}
	w := kernel{l.W, l.Codes, l.Scale}
	switch g := &l.G; {
	case g.depthwise():
		l.packed = packDepthPhases(l.packed, g, l.W)
	case g.Groups > 1:
		l.beginGroups(p)
	case g.winograd() != nil:
		l.kernel.pack(p, g, w, true)
	default:
		l.packed = packPhases(p, l.packed, g, w)
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
	case g.winograd() != nil:
		g.winograd().picture(s, dx, dy, l.kernel.weights, g.H, g.W, g.Cout, g.Cin)
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

// Together returns how many pictures are to share a pass over the weights: more than one where these fall out of the near
// caches and a picture has few squares. Such a loop is faster alone, through Run.
func (l *InputGrad) Together() int {
	g := &l.G
	f := g.winograd()
	if f == nil || g.winogradLen() <= winogradMost {
		return 1
	}
	if n := min(farTiles/(f.tiles(g.H)*f.tiles(g.W)), g.N); n >= fewTogether {
		return n
	}
	return 1
}

// fewTogether is how many pictures outweigh that a loop alone shares no walk with others.
const fewTogether = 4

// Run runs the loop alone.
func (l *InputGrad) Run(p *Pool) {
	each := min(l.Together(), (l.G.N+p.Threads()-1)/p.Threads())
	if each <= 1 {
		p.Run(l.G.N, l)
		return
	}
	l.Begin(p)
	loop(p, (l.G.N+each-1)/each, several{l, each}, func(s *Scratch, i int, a *several) {
		g := &a.G
		g.winograd().pictures(s, a.DX, a.DY, i*a.each, min((i+1)*a.each, g.N), a.kernel.weights, g.H, g.W, g.Cout, g.Cin)
	})
	l.End(p)
}

type several struct {
	*InputGrad
	each int
}

// ConvInputGrad computes dx (N, H, W, Cin) from dy (N, OutH, OutW, Cout): a
// convolution of dy with the flipped kernel whose input and output channels are
// exchanged. With a stride, dx falls into Stride.H*Stride.W interleaved pictures,
// each the convolution of dy with its own part of the kernel.
func ConvInputGrad(p *Pool, g Conv, dx, dy, w []float32) {
	(&InputGrad{G: g, DX: Batch(dx[:g.InLen()], g.N), DY: Batch(dy[:g.OutLen()], g.N), W: w}).Run(p)
}

// packPhases writes w (KH, KW, Cin, Cout) for ConvInputGrad, one part a pair of
// phases, [block of Cin][taps, last first][Cout][16], zero padded, into dst,
// whose memory it reuses.
func packPhases(p *Pool, dst []float32, g *Conv, w kernel) []float32 {
	blocks := blocksOf(g.Cin)
	dst = grow(dst, g.taps()*g.Cout*blocks*lanes)
	loop(p, blocks, phasePack{*g, dst, w}, func(_ *Scratch, block int, a *phasePack) { a.run(block) })
	return dst
}

type phasePack struct {
	g   Conv
	dst []float32
	w   kernel
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
				from := ((r*g.Kernel.W+s)*g.Cin + block*lanes) * g.Cout
				a.w.transpose(part[(block*taps+t)*size:][:size], from, min(lanes, g.Cin-block*lanes), g.Cout)
			}
			part = part[taps*size*blocksOf(g.Cin):]
		}
	}
}

// kernel are a convolution's weights (KH, KW, Cin, Cout): floats, or scale[c]*code, or with one scale.
type kernel struct {
	floats []float32
	codes  []int8
	scale  []float32
}

// transpose writes the weights (rows, cols) that start at from, cols all output channels, to dst (cols, 16), zero padded.
func (k *kernel) transpose(dst []float32, from, rows, cols int) {
	if rows < lanes {
		clear(dst)
	}
	for r := range rows {
		at := from + r*cols
		switch {
		case k.codes == nil:
			for c, v := range k.floats[at:][:cols] {
				dst[c*lanes+r] = v
			}
		case len(k.scale) == 1:
			scale := k.scale[0]
			for c, q := range k.codes[at:][:cols] {
				dst[c*lanes+r] = float32(q) * scale
			}
		default:
			for c, q := range k.codes[at:][:cols] {
				dst[c*lanes+r] = float32(q) * k.scale[c]
			}
		}
	}
}

// DequantizeWeights writes w = scale[c]*code for weights (..., C), or with one scale.
func DequantizeWeights(dst []float32, codes []int8, scale []float32) {
	if len(scale) == 1 {
		for i, q := range codes {
			dst[i] = float32(q) * scale[0]
		}
		return
	}
	for i := 0; i < len(codes); i += len(scale) {
		for c, s := range scale {
			dst[i+c] = float32(codes[i+c]) * s
		}
	}
}
