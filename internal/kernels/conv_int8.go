package kernels

import (
	"math"
	"slices"
)

// IntWeights are a convolution's integer weights in the order that the integer
// row kernels read: [block of 16 outputs][KH][KW*Cin in groups][16][group].
// Byte kernels take groups of 4 inputs, word kernels groups of 2. The last group of
// a row of taps may be longer than the row; its weights are 0 there. Words are
// for CPUs without VNNI, where products of large bytes overflow.
type IntWeights struct {
	g        Conv
	group    int // inputs a lane takes at a time: 4 bytes, 2 words or 32 bits
	steps    int // bytes without VNNI: how many sums of two products fit int16 together
	bytes    []int8
	words    []int16
	sum      []int32       // sum of each output's weights, for the zero point
	bits     bitWeights    // instead of all but g and group, where that is faster
	groups   []*IntWeights // instead of all but g, of a grouped convolution
	codes    []int8        // of a group while it is packed
	depth    []float32     // instead of all but g, of a depthwise one: see packDepth
	quads    quadWeights   // beside depth, for codes
	rowPairs wordWeights   // the same
	tiles    tiledWeights  // of bytes, if there are pairs
	squares  bool          // words are transformed, [block of 16 outputs][36][Cin/2][16][2] with gaps, or bytes are to be, [block][KH][KW][Cin][16]: see winograd_codes.go
	runs     []int         // with squares: where runs of input channels end whose sums are added
}

// PackIntWeights packs w (KH, KW, Cin/Groups, Cout) for codes from 0 to largest into dst,
// whose memory it reuses, and returns it; dst may be nil.
func PackIntWeights(dst *IntWeights, g Conv, w []int8, largest uint8) *IntWeights {
	return PackIntWeightsOn(nil, dst, g, w, largest)
}

// PackIntWeightsOn is PackIntWeights on the threads of a pool; a nil one has the caller's alone.
func PackIntWeightsOn(p *Pool, dst *IntWeights, g Conv, w []int8, largest uint8) *IntWeights {
	if dst == nil {
		dst = &IntWeights{}
	}
	dst.squares = false
	switch {
	case g.exactDepth():
		dst.g, dst.depth = g, packDepth(dst.depth, &g, w)
		switch {
		case quads():
			dst.quads.pack(&dst.g, w)
		case g.inWords():
			dst.rowPairs.pack(&dst.g, w)
		}
	case g.Groups > 1:
		dst.packGroups(g, w, largest)
	case bitsPay(&g, largest) && isBits(w):
		dst.packSigns(g, w, largest)
	case squaresPay(&g, 2) || squaresPay(&g, 0) && dst.pairSteps(&g, w, largest) < 2:
		dst.packSquares(g, w, largest)
	default:
		dst.packDirect(p, g, w, largest)
	}
	return dst
}

// packDirect packs weights for direct sums of bytes or words.
func (dst *IntWeights) packDirect(p *Pool, g Conv, w []int8, largest uint8) {
	dst.g, dst.group, dst.steps, dst.squares, dst.tiles.pairs = g, 4, 0, false, dst.tiles.pairs[:0]
	if addsPairs() {
		// Where not even one pair fits, words it is.
		if dst.steps = dst.pairSteps(&g, w, largest); dst.steps < 1 {
			dst.group = 2
		}
	}
	nb := blocksOf(g.Cout)
	n := nb * lanes * g.Kernel.H * dst.run() * dst.group
	dst.sum = grow(dst.sum, nb*lanes)
	clear(dst.sum)
	if dst.group == 4 {
		dst.bytes = grow(dst.bytes, n)
		packInts(p, dst, dst.bytes, w)
		if tiles() && !dst.tiles.plan(&dst.g, dst.run()) {
			dst.tiles.pairs = dst.tiles.pairs[:0]
		}
	} else {
		dst.words = grow(dst.words, n)
		packInts(p, dst, dst.words, w)
	}
}

// pairSteps returns how many sums of two products, of a code up to largest and a weight each, fit int16 together whatever
// the codes are, in each run of so many that the kernel adds: 0 if not even one does. It overwrites dst.sum.
func (dst *IntWeights) pairSteps(g *Conv, w []int8, largest uint8) int {
	most := int32(math.MaxInt16 / int(max(largest, 1)))
	steps := g.Kernel.H * ((g.Kernel.W*g.Cin + 3) / 4) // all
	for steps > 0 && !dst.pairsFit(g, w, most, steps) {
		steps = steps * 3 / 4
	}
	return steps
}

// pairsFit tells that in runs of steps groups of 4 inputs the weights above 0 of each output's even and odd pairs sum up to
// most at most, and so do those below: whatever the codes are, all that is added on the way lies between.
func (dst *IntWeights) pairsFit(g *Conv, w []int8, most int32, steps int) bool {
	n := 4 * g.Cout // above and below 0, of even and odd pairs
	dst.sum = grow(dst.sum, n)
	row, left := g.Kernel.W*g.Cin, 0
	for r := range g.Kernel.H {
		for i := range row {
			if i%4 == 0 {
				if left == 0 {
					clear(dst.sum)
					left = steps
				}
				left--
			}
			sums := dst.sum[i%4/2*2*g.Cout:]
			above, below := sums[:g.Cout], sums[g.Cout:][:g.Cout]
			for o, v := range w[(r*row+i)*g.Cout:][:g.Cout] {
				above[o] += int32(max(v, 0))
				below[o] -= int32(min(v, 0))
			}
			end := i == row-1
			if (end || i%4 == 3) && (left == 0 || end && r == g.Kernel.H-1) && slices.Max(dst.sum) > most {
				return false
			}
		}
	}
	return true
}

// packBlocks is how many blocks of outputs are packed together: a cache line of their weights.
const packBlocks = 4

// packInts fills to, in the order of IntWeights, and the sums.
func packInts[T int8 | int16](p *Pool, dst *IntWeights, to []T, w []int8) {
	a, pieces := intPack[T]{dst, to, w}, (blocksOf(dst.g.Cout)+packBlocks-1)/packBlocks
	if p == nil {
		for piece := range pieces {
			a.run(piece)
		}
		return
	}
	loop(p, pieces, a, func(_ *Scratch, piece int, a *intPack[T]) { a.run(piece) })
}

type intPack[T int8 | int16] struct {
	*IntWeights
	to []T
	w  []int8
}

// run packs some blocks of outputs.
func (a *intPack[T]) run(piece int) {
	g, group, groups := &a.g, a.group, a.IntWeights.run()
	size := lanes * group // of the inputs that a lane takes at a time
	from, end := piece*packBlocks, min((piece+1)*packBlocks, blocksOf(g.Cout))
	for r := range g.Kernel.H {
		for k := range groups {
			first := r*g.Kernel.W*g.Cin + k*group
			inputs := min(group, g.Kernel.W*g.Cin-k*group)
			for b := from; b < end; b++ {
				d := a.to[((b*g.Kernel.H+r)*groups+k)*size:][:size]
				src := a.w[first*g.Cout+b*lanes:]
				if bytes, ok := any(d).([]int8); ok && inputs == 4 && b*lanes+lanes <= g.Cout {
					packFours((*[4 * lanes]int8)(bytes), src, g.Cout, (*[lanes]int32)(a.sum[b*lanes:]))
					continue
				}
				clear(d)
				for i := range inputs {
					for l, v := range src[i*g.Cout:][:min(lanes, g.Cout-b*lanes)] {
						a.sum[b*lanes+l] += int32(v)
						d[l*group+i] = T(v)
					}
				}
			}
		}
	}
}

// packFours interleaves four rows of 16 weights, stride apart, and adds them to the sums.
func packFours(to *[4 * lanes]int8, w []int8, stride int, sums *[lanes]int32) {
	w0, w1, w2, w3 := (*[lanes]int8)(w), (*[lanes]int8)(w[stride:]), (*[lanes]int8)(w[2*stride:]), (*[lanes]int8)(w[3*stride:])
	for l := range lanes {
		a, b, c, d := w0[l], w1[l], w2[l], w3[l]
		to[4*l], to[4*l+1], to[4*l+2], to[4*l+3] = a, b, c, d
		sums[l] += int32(a) + int32(b) + int32(c) + int32(d)
	}
}

// run returns how many groups of inputs a row of taps has.
func (w *IntWeights) run() int { return (w.g.Kernel.W*w.g.Cin + w.group - 1) / w.group }

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// IntForward is the Loop of ConvInt and ConvForwardCodes.
type IntForward struct {
	anyCut
	Weights   *IntWeights
	Codes     Pictures[uint8]
	ZeroPoint uint8
	Bias      []int32 // may be nil
	Y         Pictures[float32]
	Offset    []float32                            // a picture that is added to Y; may be nil
	Scale     []float32                            // Y = Scale*acc, unless
	Requant   Requantization                       // its Y takes codes, or
	Sums      func(s *Scratch, n int, acc []int32) // takes the sums
	init      []int32
	starts    [4][]int32 // init of bits: see bitWeights.start
	padded    [][]uint8  // of each worker: a picture with its border, which stays
	border    uint8
	groups    []IntForward
	acc       Pictures[int32] // that groups write
	factors   []float32       // of whole blocks: Scale or Requant.Multiplier
}

// Begin implements Loop.
func (l *IntForward) Begin(p *Pool) {
	switch g := &l.Weights.g; {
	case g.exactDepth():
		switch {
		case l.depthCodes():
			l.beginQuads()
		case l.depthWords():
			l.beginWords()
		default:
			l.beginDepth()
		}
		return
	case g.Groups > 1:
		l.beginGroups(p)
		return
	}
	if l.Weights.group == 4 || l.Weights.squares {
		l.pad(p.Threads())
	}
	if w := l.Weights; w.group == 32 {
		w.bits.start(&l.starts, &w.g, l.ZeroPoint, l.Bias)
		return
	}
	l.init = grow(l.init, len(l.Weights.sum))
	for c := range l.init {
		l.init[c] = -int32(l.ZeroPoint) * l.Weights.sum[c]
		if c < len(l.Bias) {
			l.init[c] += l.Bias[c]
		}
	}
	if len(l.Weights.tiles.pairs) > 0 {
		l.factors = grow(l.factors, len(l.init))
		clear(l.factors[copy(l.factors, l.Requant.Multiplier):])
	}
}

// pad gives each worker a picture whose border holds the zero point.
func (l *IntForward) pad(workers int) {
	size := l.Weights.padSize()
	if len(l.padded) == workers && len(l.padded[0]) == size && l.border == l.ZeroPoint {
		return
	}
	l.padded, l.border = make([][]uint8, workers), l.ZeroPoint
	for i := range l.padded {
		l.padded[i] = alignedBytes(size)
		fill(l.padded[i], l.ZeroPoint)
	}
}

// End implements Loop.
func (l *IntForward) End(*Pool) {}

// Picture implements Loop.
func (l *IntForward) Picture(s *Scratch, piece, n int) { l.pictures(s, piece, n, n+1) }

// pictures implements together.
func (l *IntForward) pictures(s *Scratch, _, first, end int) {
	if l.Weights.squares {
		l.sumSquares(s, first, end)
	}
	for n := first; n < end; n++ {
		if !l.Weights.squares {
			l.sums(s, n)
		}
		if l.Offset != nil {
			y := l.Y.At(s, n)
			addRow(y, y, l.Offset)
		}
	}
}

func (l *IntForward) sums(s *Scratch, n int) {
	w := l.Weights
	g := &w.g
	codes := l.Codes.At(s, n)
	switch {
	case !g.exactDepth():
	case l.depthCodes():
		l.pictureQuads(s, n, codes)
		return
	case l.depthWords():
		l.pictureWords(s, n, codes)
		return
	default:
		l.pictureDepth(s, n, codes)
		return
	}
	acc := s.int32s(1, g.outImage())
	switch {
	case g.Groups > 1:
		acc = l.sumGroups(s, n, codes)
	case w.group == 32:
		w.bits.run(s, g, acc, &l.starts, codes)
	case w.group == 4:
		x := codes
		if g.Pad != (Border{}) || g.Cin%4 != 0 {
			x = l.padded[s.worker]
			insertCodes(x, codes, g)
		}
		switch {
		case len(w.tiles.pairs) > 0 && l.toCodes():
			l.tiled(s, n, x, nil)
			return
		case len(w.tiles.pairs) > 0:
			l.tiled(s, n, x, acc)
		case l.finish(s, n, x):
			return
		default:
			if runInts(l, s, n, acc, x, w.bytes) {
				return
			}
		}
	default:
		x := s.int16s(0, w.padSize())
		padCodes(x, codes, g, l.ZeroPoint)
		if runInts(l, s, n, acc, x, w.words) {
			return
		}
	}
	l.finishSums(s, n, acc)
}

// finishSums does with picture n's sums what is wanted.
func (l *IntForward) finishSums(s *Scratch, n int, acc []int32) {
	switch q := &l.Requant; {
	case l.Sums != nil:
		l.Sums(s, n, acc)
	case q.Y.Data != nil:
		Requantize(q.Y.At(s, n), acc, q.Multiplier, q.ZeroPoint, q.Lo, q.Hi)
	default:
		scaleInts(l.Y.At(s, n), acc, l.Scale)
	}
}

// ConvInt computes, exactly in int32,
//
//	acc[n,i,j,c] = bias[c] + sum (codes - zeroPoint) * weights
//
// for codes (N, H, W, Cin) padded with the zero point, and calls each(n, acc)
// with acc (OutH, OutW, Cout) of picture n, on some worker, while the sums are
// in cache. acc may be overwritten; it is valid until each returns. bias may be
// nil. The caller guarantees KH*KW*Cin/Groups*255*max|w| < 2^31, and that no code nor
// the zero point exceeds the largest code that w was packed for.
func ConvInt(p *Pool, w *IntWeights, n int, codes []uint8, zeroPoint uint8, bias []int32, each func(worker, n int, acc []int32)) {
	p.Run(n, &IntForward{Weights: w, Codes: Batch(codes[:n*w.g.inImage()], n), ZeroPoint: zeroPoint, Bias: bias,
		Sums: func(s *Scratch, n int, acc []int32) { each(s.worker, n, acc) }})
}

// ConvForwardCodes computes y = scale[c] * acc as float32 for y (N, OutH, OutW,
// Cout), where acc is the exact integer sum of ConvInt. scale has Cout entries:
// input scale times weight scale, in float32.
func ConvForwardCodes(p *Pool, w *IntWeights, n int, y []float32, codes []uint8, zeroPoint uint8, scale []float32) {
	p.Run(n, &IntForward{Weights: w, Codes: Batch(codes[:n*w.g.inImage()], n), ZeroPoint: zeroPoint,
		Y: Batch(y[:n*w.g.outImage()], n), Scale: scale[:w.g.Cout]})
}

// stripSums bounds the sums that are in work together where they become codes.
const stripSums = 32 << 10

// runInts computes the sums of picture n, or its codes if they are wanted, and tells whether.
func runInts[X, W any](l *IntForward, s *Scratch, n int, acc []int32, x []X, packed []W) bool {
	w, q := l.Weights, &l.Requant
	g := &w.g
	row := g.OutW() * g.Cout
	strip := g.OutH()
	if l.toCodes() {
		strip = max(1, stripSums/row)
	}
	m := plane[X, W, int32]{
		y: acc, init: l.init, x: x, w: packed, tail: s.int32s(2, max(g.OutW(), joinedPixels)*2*lanes),
		outW: g.OutW(), channels: g.Cout, kRows: g.Kernel.H, kRun: w.run(), group: w.group, steps: w.steps,
		xRow: g.padW() * g.Cin, xPix: g.Stride.W * g.Cin, xStep: g.Stride.H * g.padW() * g.Cin,
		yRow: row, yPix: g.Cout,
	}
	for i := 0; i < g.OutH(); i += strip {
		rows := min(strip, g.OutH()-i)
		part := m // which run changes
		part.outH, part.x = rows, x[i*m.xStep:]
		part.run(s)
		if l.toCodes() {
			size := rows * row
			Requantize(q.Y.At(s, n)[i*row:][:size], acc[:size], q.Multiplier, q.ZeroPoint, q.Lo, q.Hi)
		}
	}
	return l.toCodes()
}

// toCodes tells that the sums are to become codes.
func (l *IntForward) toCodes() bool { return l.Sums == nil && l.Requant.Y.Data != nil }

// padCodes copies one picture of codes into dst (Top+H+Bottom, Left+W+Right, Cin). The
// border holds the zero point; what follows the picture holds anything, because
// the last group's weights are 0 there.
func padCodes(dst []int16, src []uint8, g *Conv, zeroPoint uint8) {
	rowLen, left, right := g.padW()*g.Cin, g.Pad.Left*g.Cin, g.Pad.Right*g.Cin
	fill(dst[:g.Pad.Top*rowLen], int16(zeroPoint))
	for i := range g.H {
		d := dst[(i+g.Pad.Top)*rowLen:][:rowLen]
		fill(d[:left], int16(zeroPoint))
		fill(d[rowLen-right:], int16(zeroPoint))
		widenCodes(d[left:rowLen-right], src[i*g.W*g.Cin:][:g.W*g.Cin])
	}
	fill(dst[(g.Pad.Top+g.H)*rowLen:][:g.Pad.Bottom*rowLen], int16(zeroPoint))
}

// copyRows copies the first n elements of each row.
func copyRows[T any](dst, src []T, rows, dstRow, srcRow, n int) {
	for i := range rows {
		copy(dst[i*dstRow:], src[i*srcRow:][:n])
	}
}

// insertCodes copies one picture of codes into dst, which has their border.
func insertCodes(dst, src []uint8, g *Conv) {
	row := g.padW() * g.Cin
	copyRows(dst[g.Pad.Top*row+g.Pad.Left*g.Cin:], src, g.H, row, g.W*g.Cin, g.W*g.Cin)
}

// fill sets s to v by copies, which move more than a byte at a time.
func fill[T comparable](s []T, v T) {
	var zero T
	switch {
	case len(s) == 0:
		return
	case v == zero:
		clear(s)
		return
	}
	s[0] = v
	for n := 1; n < len(s); n *= 2 {
		copy(s[n:], s[:n])
	}
}
