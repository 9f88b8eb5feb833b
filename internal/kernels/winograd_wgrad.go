package kernels

// winogradTiles are transformed squares of x and dy whose products are still to be summed: of some rows of a picture or of
// several small pictures, so that every pass over dw does enough work. How many makes no difference to a sum.
type winogradTiles struct {
	tiles int       // there are
	room  int       // for so many
	v     []float32 // [element][room][Cin], a gap between elements
	d     []float32 // [pair][element][room][32], likewise
	fresh bool      // the sums hold nothing yet
}

// fewTiles is how many squares a pass over dw wants at least, and more over one that no cache of a core holds.
const (
	fewTiles = 32
	farTiles = 128
)

// together returns how many rows of tiles, or how many whole pictures, are in work together.
func (l *WeightGrad) together(f *filtering, th, tw int) (rows, pictures int) {
	least, sums := fewTiles, l.G.winogradLen()
	if sums > winogradMost {
		least = farTiles
	}
	if pictures = least / (th * tw); pictures > 1 {
		return th, pictures
	}
	return min(th, f.rows(tw, l.G.Cin+2*lanes, sums)), 1
}

// winogradGrad adds a picture to the sums of the weight gradient, for the given pairs of blocks: sum (side, side, Cin, width)
// a pair. Small pictures are kept until there are enough, or one is the last of its sum.
func (l *WeightGrad) winogradGrad(s *Scratch, n, first, last int, sum []float32, lastPicture bool) {
	g, f := &l.G, l.G.winograd()
	th, tw := f.tiles(g.H), f.tiles(g.W)
	dy := l.DY.At(s, n)
	if over := (Border{Bottom: f.step*th - g.H, Right: f.step*tw - g.W}); over != (Border{}) {
		even := s.float32s(2, f.step*th*f.step*tw*g.Cout)
		padImage(even, dy, g.H, g.W, g.Cout, over)
		dy = even
	}
	step, pictures := l.together(f, th, tw)
	t := &l.held[s.worker]
	t.room = pictures * step * tw
	t.v, t.d = grow(t.v, f.elements()*(t.room*wideTile(g.Cin)+winogradGap)), grow(t.d, (last-first)*f.elements()*(2*t.room*lanes+winogradGap))
	var xp []float32
	xRow := f.span(tw) * g.Cin
	for i := 0; i < th; i += step {
		rows := min(step, th-i)
		if from, count, done := f.pad(th, i, rows, xRow); !done {
			xp = l.padded(s, n, f.border(g.H, g.W), from, count, g.Cin)
		}
		l.transform(f, t, f.row(xp, th, i, 0, xRow), dy[f.step*i*f.step*tw*g.Cout:], rows, tw, first, last)
		if t.tiles += rows * tw; pictures == 1 || lastPicture || t.tiles == t.room {
			l.multiply(s, t, first, last, sum)
			t.tiles, t.fresh = 0, false
		}
	}
}

// transform appends the squares of some rows of tiles.
func (l *WeightGrad) transform(f *filtering, t *winogradTiles, xp, dy []float32, rows, tw, first, last int) {
	g := &l.G
	ve, de := t.room*wideTile(g.Cin)+winogradGap, 2*t.room*lanes+winogradGap
	xRow, dyRow := f.span(tw)*g.Cin, f.step*tw*g.Cout
	for r := range rows {
		at := t.tiles + r*tw
		f.squares(t.v[at*wideTile(g.Cin):], ve, wideTile(g.Cin), xp[f.step*r*xRow:], tw, g.Cin)
		for pair := first; pair < last; pair++ {
			q := l.pair(pair)
			squares{dst: t.d[(pair-first)*f.elements()*de+at*q.width:], src: dy[f.step*r*dyRow+q.from:], tiles: tw, blocks: q.blocks,
				dstRow: f.side * de, dstCol: de, dstTile: q.width,
				srcRow: dyRow, srcCol: g.Cout, srcTile: f.step * g.Cout}.run(f.outputGrad)
		}
	}
}

// multiply adds the products of the squares to the sums.
func (l *WeightGrad) multiply(s *Scratch, t *winogradTiles, first, last int, sum []float32) {
	cin, elements := l.G.Cin, l.taps()
	ve, de := t.room*wideTile(cin)+winogradGap, 2*t.room*lanes+winogradGap
	for e := range elements {
		for pair := first; pair < last; pair++ {
			q := l.pair(pair)
			part := sum[q.from*l.rows+e*cin*q.width:][:cin*q.width]
			(&wgrad{
				dw: &part[0], x: &t.v[e*ve:][:t.tiles*wideTile(cin)][0], dy: &t.d[((pair-first)*elements+e)*de:][:t.tiles*q.width][0],
				rows: 1, cols: t.tiles, blocks: q.blocks, kRun: cin, xPix: wideTile(cin), dyPix: q.width, dwRow: q.width, fetch: s.ahead.take(wgradSteps(cin, q.blocks, t.tiles)),
			}).add(t.fresh)
		}
	}
}

// winogradTotal turns a pair's sum over the batch into its channels of dw.
func (l *WeightGrad) winogradTotal(q pair, sum []float32) {
	g, f := &l.G, l.G.winograd()
	size, out := g.Cin*q.width, g.Cin*g.Cout
	squares{dst: l.DW[q.from:], src: sum, tiles: g.Cin, blocks: q.blocks,
		dstRow: 3 * out, dstCol: out, dstTile: g.Cout,
		srcRow: f.side * size, srcCol: size, srcTile: q.width}.run(f.weightGrad)
	if l.factor() == 1 {
		return
	}
	for row := range 9 * g.Cin {
		dw := l.DW[row*g.Cout:][q.from:q.to]
		for c := range dw {
			dw[c] *= l.factor()
		}
	}
}
