package kernels

// wgrad describes to a kernel the weight gradient of one kernel row, summed
// over some rows of a picture. Strides count float32.
//
//	for k < kRun, l < 16*blocks:
//	  acc = init[k*initRow + l]
//	  for i < rows, j < cols: acc += x[i*xRow + j*xPix + k] * dy[i*dyRow + j*dyPix + l]
//	  dw[k*dwRow + l] = acc
type wgrad struct {
	dw, x, dy    *float32
	init         *float32 // what is added to: dw, or zeros
	rows, cols   int
	blocks       int // 1 or 2
	kRun         int
	xRow, xPix   int
	dyRow, dyPix int
	dwRow        int
	initRow      int
	fetch        fetch
}

// noSum is what a first pass over dw adds to, with rows 0 apart.
var noSum [2 * lanes]float32

// add is the kernel for another pass over dw, or for a first one, which finds anything in it.
func (a *wgrad) add(fresh bool) {
	if a.init, a.initRow = a.dw, a.dwRow; fresh {
		a.init, a.initRow = &noSum[0], 0
	}
	wgradRow(a)
}

// wgradSteps is how often wgradRow goes from one of so many pixels to the next.
func wgradSteps(kRun, blocks, pixels int) int {
	return (kRun + floatTile(blocks) - 1) / floatTile(blocks) * pixels
}

// gradFloats bounds the partial sums of a batch, one a piece unless that would
// take more, as it does from 3x3 layers of more than 64 channels on. The cut depends on the geometry only, because the order of a sum
// must not depend on the number of threads.
const gradFloats = 16 * 36 * 64 * 64

// WeightGrad is the Loop of ConvWeightGrad and ConvWeightGradCodes.
type WeightGrad struct {
	G         Conv
	DW        []float32
	DY        Pictures[float32]
	X         Pictures[float32]
	Codes     Pictures[uint8] // instead of X, which is Scale*(code - ZeroPoint) + Offset
	ZeroPoint uint8
	Scale     float32 // 1 without codes
	Offset    float32
	Partial   []float32 // memory for PartialLen values, which the loop overwrites; its own if nil
	partial   []float32 // [sum][pair of blocks of Cout][taps*Cin][32, or 16 in an odd last]
	size      int       // length of a partial sum
	sums      int
	rows      int // taps*Cin
	pairs     int
	held      []winogradTiles // of each worker

	groups     []WeightGrad
	groupX     Pictures[float32] // what groups read
	groupCodes Pictures[uint8]
	groupDY    Pictures[float32]
	plain
}

// Sums returns the number of partial sums. If it is less than Pieces(G.N), the
// pictures of several pieces share a sum, and the loop must run alone, through
// ConvWeightGrad.
func (l *WeightGrad) Sums() int {
	if l.grouped() {
		return (&WeightGrad{G: l.G.group()}).Sums()
	}
	return min(Pieces(l.G.N), max(1, gradFloats/l.sumLen()))
}

// PartialLen returns the length of the memory that a batch takes: of all partial sums, or of the squares of x.
func (l *WeightGrad) PartialLen() int {
	if l.whole() {
		return l.squares()
	}
	return l.Sums() * l.sumLen()
}

// taps is the number of matrices (Cin, Cout) that are summed: the taps of the kernel, or Winograd's elements.
func (l *WeightGrad) taps() int {
	if f := l.G.winograd(); f != nil {
		return f.elements()
	}
	return l.G.taps()
}

// grouped tells that each group has sums of its own.
func (l *WeightGrad) grouped() bool { return l.G.Groups > 1 && !l.G.depthwise() }

// sumLen is the length of a partial sum.
func (l *WeightGrad) sumLen() int {
	switch {
	case l.G.depthwise():
		return l.G.taps() * blocksOf(l.G.Cin) * lanes
	case l.grouped():
		return l.G.Groups * (&WeightGrad{G: l.G.group()}).sumLen()
	}
	return l.taps() * l.G.Cin * blocksOf(l.G.Cout) * lanes
}

// Cut implements Loop: each piece has a sum of its own.
func (l *WeightGrad) Cut(n int) int { return Pieces(n) }

// pair is two neighbouring blocks of output channels, or an odd last one.
type pair struct {
	blocks   int
	width    int // lanes
	from, to int // output channels; fewer than width in a last, partly filled block
}

func (l *WeightGrad) pair(i int) pair {
	from := 2 * i * lanes
	blocks := min(2, blocksOf(l.G.Cout)-2*i)
	return pair{blocks, blocks * lanes, from, min(from+blocks*lanes, l.G.Cout)}
}

// Begin implements Loop.
func (l *WeightGrad) Begin(p *Pool) {
	if l.grouped() {
		l.beginGroups(p)
		return
	}
	l.rows, l.pairs = l.taps()*l.G.Cin, (blocksOf(l.G.Cout)+1)/2
	l.size, l.sums = l.sumLen(), l.Sums()
	l.plain.set(l.Offset)
	l.held = grow(l.held, p.Threads())
	for i := range l.held {
		l.held[i].tiles = 0
	}
	if l.Partial != nil {
		l.partial = l.Partial[:l.PartialLen()]
	} else {
		l.partial = grow(l.partial, l.PartialLen())
	}
}

// Picture implements Loop.
func (l *WeightGrad) Picture(s *Scratch, piece, n int) {
	if l.grouped() {
		l.pictureGroups(s, piece, n)
		return
	}
	sum := l.partial[piece*l.size:][:l.size]
	first, last := n == firstOf(piece, l.sums, l.G.N), n+1 == firstOf(piece+1, l.sums, l.G.N)
	if l.panels() {
		l.addPanels(s, sum, n, n+1, 0, l.pairs, first, last)
		return
	}
	if first {
		l.start(s, sum)
	}
	l.add(s, sum, n, 0, l.pairs, last)
}

// start makes a sum, or a part of one, that the worker is about to compute begin with nothing.
func (l *WeightGrad) start(s *Scratch, sum []float32) {
	if l.G.winograd() != nil { // which clears what it is about to use
		l.held[s.worker].fresh = true
		return
	}
	clear(sum)
}

// End implements Loop.
func (l *WeightGrad) End(p *Pool) {
	switch {
	case l.grouped():
		l.endGroups(p)
		return
	case l.G.depthwise():
		loop(p, blocksOf(l.G.Cin), l, func(_ *Scratch, i int, l **WeightGrad) { (*l).totalDepth(i) })
		return
	}
	loop(p, l.pairs*l.taps(), l, func(_ *Scratch, i int, l **WeightGrad) { (*l).total(i/(*l).taps(), i%(*l).taps()) })
	if l.G.winograd() != nil {
		loop(p, l.pairs, l, func(_ *Scratch, i int, l **WeightGrad) {
			q := (*l).pair(i)
			(*l).winogradTotal(q, (*l).partial[q.from*(*l).rows:])
		})
	}
}

// ConvWeightGrad computes dw (KH, KW, Cin/Groups, Cout) = sum over the batch of
// x (N, H, W, Cin) against dy (N, OutH, OutW, Cout).
func ConvWeightGrad(p *Pool, g Conv, dw, x, dy []float32) {
	l := &WeightGrad{G: g, DW: dw[:g.WeightLen()], X: Batch(x[:g.InLen()], g.N), DY: Batch(dy[:g.OutLen()], g.N), Scale: 1}
	l.Run(p)
}

// ConvWeightGradCodes is ConvWeightGrad for an input that is quantized:
// x = scale*(codes - zeroPoint), padded with real zeros.
func ConvWeightGradCodes(p *Pool, g Conv, dw []float32, codes []uint8, zeroPoint uint8, scale float32, dy []float32) {
	l := &WeightGrad{G: g, DW: dw[:g.WeightLen()], Codes: Batch(codes[:g.InLen()], g.N), ZeroPoint: zeroPoint, DY: Batch(dy[:g.OutLen()], g.N), Scale: scale}
	l.Run(p)
}

// Run runs the loop alone. Wide layers have fewer partial sums than pieces;
// they are spread over workers by pairs of channel blocks instead.
func (l *WeightGrad) Run(p *Pool) {
	if l.G.N == 0 {
		clear(l.DW)
		return
	}
	switch {
	case l.whole():
		l.runWhole(p)
		return
	case l.Sums() == Pieces(l.G.N):
		p.Run(l.G.N, l)
		return
	}
	if l.grouped() {
		l.runGroups(p)
		return
	}
	l.Begin(p)
	// A few pairs a job share the work on x, which Winograd's filtering has most of; how many makes no difference to a sum.
	jobs := 2 * p.Threads()
	if l.G.winograd() != nil {
		jobs = p.Threads()
	}
	jobs = min(l.pairs, (jobs+l.sums-1)/l.sums)
	loop(p, l.sums*jobs, alone{l, jobs}, func(s *Scratch, i int, a *alone) { a.run(s, i/a.jobs, i%a.jobs) })
	l.End(p)
}

// alone is a weight gradient cut into jobs a sum, of neighbouring pairs.
type alone struct {
	*WeightGrad
	jobs int
}

func (a alone) run(s *Scratch, piece, job int) {
	from, to := job*a.pairs/a.jobs, (job+1)*a.pairs/a.jobs
	sum, end := a.partial[piece*a.size:][:a.size], firstOf(piece+1, a.sums, a.G.N)
	if a.panels() {
		a.addPanels(s, sum, firstOf(piece, a.sums, a.G.N), end, from, to, true, true)
		return
	}
	first, last := a.pair(from), a.pair(to-1)
	a.start(s, sum[first.from*a.rows:(last.from+last.width)*a.rows])
	for n := firstOf(piece, a.sums, a.G.N); n < end; n++ {
		a.add(s, sum, n, from, to, n+1 == end)
	}
}

// add adds picture n to a partial sum, for the given pairs; lastPicture tells
// that it is the last of the sum.
func (l *WeightGrad) add(s *Scratch, sum []float32, n, first, last int, lastPicture bool) {
	g := &l.G
	if g.depthwise() {
		l.addDepth(s, n, sum)
		return
	}
	if g.winograd() != nil {
		l.winogradGrad(s, n, first, last, sum, lastPicture)
		return
	}
	oh, ow := g.OutH(), g.OutW()
	// Some rows at a time, so that x and dy stay in a near cache while all of dw passes over them.
	row := g.Stride.H*g.padW()*g.Cin + ow*min(g.Cout, 2*lanes)
	step := max(1, wgradCache/row)
	if g.WeightLen() >= wgradFar {
		step = max(step, min(wgradPixels/ow, wgradMost/row))
	}
	for i := 0; i < oh; i += step {
		rows := min(step, oh-i)
		x := l.window(s, n, i, rows)
		l.need(s, n, i+rows, step, lastPicture)
		dyRows := l.DY.At(s, n)[i*ow*g.Cout:][:rows*ow*g.Cout]
		for j := first; j < last; j++ {
			q := l.pair(j)
			part := sum[q.from*l.rows:][:l.rows*q.width]
			dy, dyPix := dyRows[q.from:], g.Cout
			if q.to-q.from < q.width || g.Cout > wgradStride {
				dy, dyPix = gather(s.float32s(1, rows*ow*q.width), dyRows, g.Cout, q), q.width
			}
			for r := range g.Kernel.H {
				for t := range x.runs {
					(&wgrad{
						dw: &part[(r*x.runs+t)*x.run*q.width], x: &x.data[r*x.row+t*x.pixel:][:(rows-1)*x.step+(ow-1)*x.pix+x.run][0],
						dy:   &dy[:(rows*ow-1)*dyPix+q.width][0],
						rows: rows, cols: ow, blocks: q.blocks, kRun: x.run,
						xRow: x.step, xPix: x.pix, dyRow: ow * dyPix, dyPix: dyPix, dwRow: q.width,
						fetch: s.ahead.take(wgradSteps(x.run, q.blocks, rows*ow)),
					}).add(false)
				}
			}
		}
	}
}

// need fetches what comes after the rows up to from: of the same picture, or the start of the next.
func (l *WeightGrad) need(s *Scratch, n, from, rows int, lastPicture bool) {
	g := &l.G
	oh, row := g.OutH(), g.OutW()*g.Cout
	if 4*(l.X.Each+l.DY.Each)+l.Codes.Each < partBytes || from == oh && lastPicture {
		return
	}
	if from == oh {
		n, from = n+1, 0
	}
	rows = min(rows, oh-from)
	lo, hi := from*g.Stride.H*g.W*g.Cin, min(g.H, (from+rows)*g.Stride.H)*g.W*g.Cin
	var memory [2]Memory
	if !l.DY.Local {
		memory[0] = MemoryOf(l.DY.At(s, n)[from*row:(from+rows)*row], 1)
	}
	if l.Codes.Data == nil && !l.X.Local {
		memory[1] = MemoryOf(l.X.At(s, n)[lo:hi], 1)
	} else if l.Codes.Data != nil && !l.Codes.Local {
		memory[1] = MemoryOf(l.Codes.At(s, n)[lo:hi], 1)
	}
	s.ahead.need(memory[:]...)
}

// wgradCache is how many float32 of x and dy one call of wgradRow reads: more
// than the first-level cache has, since dw, which every call loads and stores, is
// larger still. It changes no bit.
const wgradCache = 24 << 10

// A pass over a dw of wgradFar numbers or more, which falls out of the near caches, is to be for so many pixels, whose dy
// and x of one call still lie in the first-level cache, unless their x and dy are wgradMost.
const (
	wgradFar    = 64 << 10
	wgradPixels = 192
	wgradMost   = 256 << 10
)

// wgradStride is the most channels of dy that are read in place, 32 at a time: the pixels of wider ones fall into few sets
// of the cache.
const wgradStride = 128

// factor is what remains to be multiplied with the sums.
func (l *WeightGrad) factor() float32 {
	if l.Offset != 0 {
		return 1
	}
	return l.Scale
}

// total adds a pair's partial sums of one kernel tap, in piece order whatever
// the threads did, into the first and writes them to dw.
func (l *WeightGrad) total(i, tap int) {
	q, cin := l.pair(i), l.G.Cin
	lo := q.from*l.rows + tap*cin*q.width
	hi := lo + cin*q.width
	sum := l.partial[lo:hi]
	for piece := 1; piece < l.sums; piece++ {
		addRow(sum, sum, l.partial[piece*l.size:][lo:hi])
	}
	if l.G.winograd() != nil {
		return
	}
	if f := l.factor(); f != 1 {
		for i := range sum {
			sum[i] *= f
		}
	}
	for ci := range cin {
		copy(l.DW[(tap*cin+ci)*l.G.Cout:][q.from:q.to], sum[ci*q.width:])
	}
}

// gather copies a pair's channels of src (pixels, channels) into dst (pixels,
// width). Channels beyond the last hold anything, because their gradients are
// not copied out.
func gather(dst, src []float32, channels int, q pair) []float32 {
	for d := dst; len(d) > 0; d, src = d[q.width:], src[channels:] {
		copy(d[:q.width], src[q.from:q.to])
	}
	return dst
}
