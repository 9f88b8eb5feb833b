package kernels

// Over small images of many channels, the sums of all elements are more than the squares of x of the whole batch, 9.4 million
// numbers for 512 to 512 channels where 32 images of 7x7 have 2.4. There the squares are what lies in memory, transformed once
// for all threads, and the sums of one pair of blocks at a time stay in a near cache until they are weight gradients.

// whole tells that the sums are computed this way.
func (l *WeightGrad) whole() bool {
	g, f := &l.G, l.G.winograd()
	return f != nil && l.Sums() < Pieces(g.N) && g.winogradLen() > winogradMost && l.squares() <= g.winogradLen()
}

// squares is how many values the squares of x of a batch have.
func (l *WeightGrad) squares() int {
	f := l.G.winograd()
	return f.elements() * (l.G.N*f.tiles(l.G.H)*f.tiles(l.G.W)*wideTile(l.G.Cin) + winogradGap)
}

// wideTile is how far apart tiles of so many channels lie: wide ones would all fall into a few sets of the first-level cache.
func wideTile(channels int) int {
	if channels >= 256 {
		return channels + lanes
	}
	return channels
}

// runWhole runs the loop alone.
func (l *WeightGrad) runWhole(p *Pool) {
	l.Begin(p)
	loop(p, l.G.N, l, func(s *Scratch, n int, l **WeightGrad) { (*l).wholeSquares(s, n) })
	loop(p, l.pairs, l, func(s *Scratch, i int, l **WeightGrad) { (*l).wholePair(s, (*l).pair(i)) })
}

// wholeSquares transforms picture n of x.
func (l *WeightGrad) wholeSquares(s *Scratch, n int) {
	g, f := &l.G, l.G.winograd()
	th, tw, tile := f.tiles(g.H), f.tiles(g.W), wideTile(g.Cin)
	element := l.squares() / f.elements()
	xp := l.padded(s, n, f.border(g.H, g.W), 0, f.span(th), g.Cin)
	for r := range th {
		f.squares(l.partial[(n*th+r)*tw*tile:], element, tile, xp[f.step*r*f.span(tw)*g.Cin:], tw, g.Cin)
	}
}

// wholePair computes the gradients of a pair's channels.
func (l *WeightGrad) wholePair(s *Scratch, q pair) {
	g, f := &l.G, l.G.winograd()
	th, tw, tile := f.tiles(g.H), f.tiles(g.W), wideTile(g.Cin)
	tiles := g.N * th * tw
	ve, de, size := l.squares()/f.elements(), tiles*q.width+winogradGap, g.Cin*q.width
	d, row := s.float32s(1, f.elements()*de), f.step*tw*q.width
	even := s.float32s(2, f.step*th*row) // a picture's channels of dy, with zeros where no pixel is
	clear(even)
	for n := range g.N {
		dy := l.DY.At(s, n)
		for y := range g.H {
			gather(even[y*row:][:g.W*q.width], dy[y*g.W*g.Cout:], g.Cout, q)
		}
		for r := range th {
			squares{dst: d[(n*th+r)*tw*q.width:], src: even[f.step*r*row:], tiles: tw, blocks: q.blocks,
				dstRow: f.side * de, dstCol: de, dstTile: q.width, srcRow: row, srcCol: q.width, srcTile: f.step * q.width}.run(f.outputGrad)
		}
	}
	sum := s.float32s(0, f.elements()*size)
	for e := range f.elements() {
		v := l.partial[e*ve:]
		(&wgrad{dw: &sum[e*size], x: &v[:tiles*tile][0], dy: &d[e*de:][:tiles*q.width][0],
			rows: 1, cols: tiles, blocks: q.blocks, kRun: g.Cin, xPix: tile, dyPix: q.width, dwRow: q.width,
			fetch: s.ahead.takeOr(wgradSteps(g.Cin, q.blocks, tiles), v[ve:min(2*ve, len(v))])}).add(true)
	}
	l.winogradTotal(q, sum)
}
