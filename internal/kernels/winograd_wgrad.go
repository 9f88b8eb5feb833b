package kernels

// winogradTiles are transformed squares of x and dy whose products are still to be summed: of some rows of a picture or of
// several small pictures, so that every pass over dw does enough work. How many makes no difference to a sum.
type winogradTiles struct {
	tiles int       // there are
	room  int       // for so many
	v     []float32 // [16][room][Cin], a gap between the 16
	d     []float32 // [pair][16][room][32], likewise
}

// fewTiles is how many squares a pass over dw wants at least, and more over one that no cache of a core holds.
const (
	fewTiles = 32
	farTiles = 128
)

// together returns how many rows of tiles, or how many whole pictures, are in work together.
func (l *WeightGrad) together(th, tw int) (rows, pictures int) {
	least, sums := fewTiles, 16*l.G.Cin*l.G.Cout
	if sums > winogradMost {
		least = farTiles
	}
	if pictures = least / (th * tw); pictures > 1 {
		return th, pictures
	}
	return min(th, winogradRows(tw, l.G.Cin+2*lanes, sums)), 1
}

// winogradGrad adds a picture to the sums of the weight gradient, for the given pairs of blocks: sum (4, 4, Cin, width) a
// pair. Small pictures are kept until there are enough, or one is the last of its sum.
func (l *WeightGrad) winogradGrad(s *Scratch, n, first, last int, sum []float32, lastPicture bool) {
	g := &l.G
	th, tw := (g.H+1)/2, (g.W+1)/2
	dy := l.DY.At(s, n)
	if g.H%2 != 0 || g.W%2 != 0 {
		even := s.float32s(2, 4*th*tw*g.Cout)
		padImage(even, dy, g.H, g.W, g.Cout, Border{Bottom: g.H % 2, Right: g.W % 2})
		dy = even
	}
	step, pictures := l.together(th, tw)
	t := &l.held[s.worker]
	t.room = pictures * step * tw
	t.v, t.d = grow(t.v, 16*(t.room*g.Cin+winogradGap)), grow(t.d, (last-first)*16*(2*t.room*lanes+winogradGap))
	var xp []float32
	xRow := (2*tw + 2) * g.Cin
	for i := 0; i < th; i += step {
		rows := min(step, th-i)
		if from, count, done := winogradPad(th, i, rows, xRow); !done {
			xp = l.padded(s, n, winogradBorder(g.H, g.W), from, count, g.Cin)
		}
		l.transform(s, t, winogradRow(xp, th, i, 0, xRow), dy[2*i*2*tw*g.Cout:], rows, tw, first, last)
		if t.tiles += rows * tw; pictures == 1 || lastPicture || t.tiles == t.room {
			l.multiply(s, t, first, last, sum)
			t.tiles = 0
		}
	}
}

// transform appends the squares of some rows of tiles.
func (l *WeightGrad) transform(s *Scratch, t *winogradTiles, xp, dy []float32, rows, tw, first, last int) {
	g := &l.G
	ve, de := t.room*g.Cin+winogradGap, 2*t.room*lanes+winogradGap
	xRow, dyRow := (2*tw+2)*g.Cin, 2*tw*g.Cout
	for r := range rows {
		at := t.tiles + r*tw
		squares{dst: t.v[at*g.Cin:], src: xp[2*r*xRow:], tiles: tw, blocks: g.Cin / lanes,
			dstRow: 4 * ve, dstCol: ve, dstTile: g.Cin,
			srcRow: xRow, srcCol: g.Cin, srcTile: 2 * g.Cin}.run(inputSquare)
		for pair := first; pair < last; pair++ {
			q := l.pair(pair)
			squares{dst: t.d[(pair-first)*16*de+at*q.width:], src: dy[2*r*dyRow+q.from:], tiles: tw, blocks: q.blocks,
				dstRow: 4 * de, dstCol: de, dstTile: q.width,
				srcRow: dyRow, srcCol: g.Cout, srcTile: 2 * g.Cout}.run(outputGradSquare)
		}
	}
}

// multiply adds the products of the squares to the sums.
func (l *WeightGrad) multiply(s *Scratch, t *winogradTiles, first, last int, sum []float32) {
	cin := l.G.Cin
	ve, de := t.room*cin+winogradGap, 2*t.room*lanes+winogradGap
	for e := range 16 {
		for pair := first; pair < last; pair++ {
			q := l.pair(pair)
			part := sum[q.from*l.rows:][:l.rows*q.width]
			wgradRow(&wgrad{
				dw: &part[e*cin*q.width:][:cin*q.width][0], x: &t.v[e*ve:][:t.tiles*cin][0], dy: &t.d[((pair-first)*16+e)*de:][:t.tiles*q.width][0],
				rows: 1, cols: t.tiles, blocks: q.blocks, kRun: cin, xPix: cin, dyPix: q.width, dwRow: q.width, fetch: s.ahead.take(wgradSteps(cin, q.blocks, t.tiles)),
			})
		}
	}
}

// winogradTotal turns a pair's sum over the batch into its channels of dw.
func (l *WeightGrad) winogradTotal(q pair) {
	g := &l.G
	size, out := g.Cin*q.width, g.Cin*g.Cout
	squares{dst: l.DW[q.from:], src: l.partial[q.from*l.rows:], tiles: g.Cin, blocks: q.blocks,
		dstRow: 3 * out, dstCol: out, dstTile: g.Cout,
		srcRow: 4 * size, srcCol: size, srcTile: q.width}.run(weightGradSquare)
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
