package kernels

// Winograd's minimal filterings F(2x2, 3x3) and F(4x4, 3x3) (Lavin and Gray 2015, arXiv 1509.09308, section 4.1): a 3x3
// convolution with stride 1 in squares of 2x2 or 4x4 outputs, each from 4x4 or 6x6 inputs d and the kernel g,
//
//	y = A'[(G g G') * (B' d B)]A
//
// where * multiplies element by element: 16 products instead of 36, or 36 instead of 144. Over channels, each of the
// elements is a matrix product. The gradient of the input is such a convolution, and that of the weights is the transposed map,
//
//	dg = G'[sum of (B' d B) * (A dy A')]G
//
// The maps B', A', G of F(2x2, 3x3) add and halve only, so they round about as the direct sums do. Those of F(4x4, 3x3)
// follow from the points 0, 3/4, -3/4, 3/2, -3/2 and infinity of its polynomials, with which they round to within
// 2^-20 of the sum of magnitudes, as direct sums do; the paper's, 0, 1, -1, 2 and -2, are off by three times as much.

// filtering is one of Winograd's, of squares of step x step outputs from side x side inputs, with its maps.
type filtering struct {
	step, side                                    int
	input, output, weight, outputGrad, weightGrad squareMap
}

var (
	filtering2 = filtering{2, 4, inputSquare, outputSquare, weightSquare, outputGradSquare, weightGradSquare}
	filtering4 = filtering{4, 6, inputSquare4, outputSquare4, weightSquare4, outputGradSquare4, weightGradSquare4}
)

// winograd returns the filtering that computes the geometry, in all passes and on all paths, or nil.
func (g *Conv) winograd() *filtering {
	switch {
	case !g.square(3, 1, 1) || g.Groups > 1 || g.Cin%lanes != 0 || g.Cout%lanes != 0 || g.H < 4 || g.W < 4:
		return nil
	case min(g.Cin, g.Cout) >= 64 && min(g.H, g.W) >= 12 || min(g.Cin, g.Cout) >= 256 && min(g.H, g.W) >= 7:
		return &filtering4
	}
	return &filtering2
}

// elements is how many products a pair of channels takes in a tile.
func (f *filtering) elements() int { return f.side * f.side }

// tiles is how many tiles cover n rows or columns.
func (f *filtering) tiles(n int) int { return (n + f.step - 1) / f.step }

// winogradFloats bounds the transformed squares that are in work together: half of a small second-level cache. It
// changes no bit.
const winogradFloats = 32 << 10

// winogradGap is what lies between the elements of the tiles in work, so that they do not all fall into the same few
// sets of the first-level cache.
const winogradGap = lanes

// winogradMost bounds them where they share a pass over weights, or sums, that are more: what is read anew for each pass
// should not be more than what it is for.
const winogradMost = 512 << 10

// rows is how many rows of tiles are in work together, for so many transformed weights.
func (f *filtering) rows(tilesW, channels, weights int) int {
	return max(1, max(winogradFloats, min(weights, winogradMost))/(f.elements()*tilesW*channels))
}

// span is how many rows or columns of a picture, its border included, n tiles see.
func (f *filtering) span(n int) int { return f.step*n + 2 }

// border is the border of a picture that is cut into tiles.
func (f *filtering) border(h, w int) Border {
	return Border{1, 1, f.span(f.tiles(h)) - h - 1, f.span(f.tiles(w)) - w - 1}
}

// pad returns which rows of the padded picture to lay out for the tiles of rows i and on: all at once ahead of the
// first unless that is more than a cache holds, else those that the tiles see. done tells that they are there.
func (f *filtering) pad(th, i, rows, rowLen int) (from, count int, done bool) {
	if f.whole(th, rowLen) {
		return 0, f.span(th), i > 0
	}
	return f.step * i, f.span(rows), false
}

func (f *filtering) whole(th, rowLen int) bool { return f.span(th)*rowLen <= winogradFloats }

// row returns the laid out rows that row r of the tiles from row i on sees.
func (f *filtering) row(xp []float32, th, i, r, rowLen int) []float32 {
	if f.whole(th, rowLen) {
		r += i
	}
	return xp[f.step*r*rowLen:]
}

// winogradKernel holds the transformed weights of a convolution, [side][side][block of outputs][inputs][16].
type winogradKernel struct{ weights []float32 }

// winogradLen is how many values a kernel has.
func (g *Conv) winogradLen() int { return g.winograd().elements() * g.Cin * g.Cout }

// use puts the kernel into memory of packedLen values.
func (k *winogradKernel) use(memory []float32, g *Conv) {
	if g.winograd() != nil {
		size := g.winogradLen()
		k.weights = memory[:size:size]
	}
}

// pack transforms w (3, 3, Cin, Cout); for the input gradient flipped, with inputs and outputs exchanged.
func (k *winogradKernel) pack(p *Pool, g *Conv, w kernel, flip bool) {
	k.weights = grow(k.weights, g.winogradLen())
	to := g.Cout
	if flip {
		to = g.Cin
	}
	loop(p, to/lanes, winogradPack{k.weights, w, g.winograd(), g.Cin, g.Cout, flip}, func(s *Scratch, block int, a *winogradPack) { a.run(s, block) })
}

type winogradPack struct {
	weights   []float32
	w         kernel
	f         *filtering
	cin, cout int
	flip      bool
}

// run packs and transforms one block of outputs.
func (a *winogradPack) run(s *Scratch, block int) {
	size, n := a.cin*a.cout, a.cin*lanes
	if a.flip {
		n = a.cout * lanes
	}
	taps := s.float32s(0, 9*n) // [3][3][inputs][16]
	for tap := range 9 {
		d := taps[tap*n:][:n]
		if a.flip {
			a.w.transpose(d, (8-tap)*size+block*lanes*a.cout, lanes, a.cout)
			continue
		}
		for ci := range a.cin {
			copy(d[ci*lanes:][:lanes], a.w.floats[tap*size+ci*a.cout+block*lanes:])
		}
	}
	squares{dst: a.weights[block*n:], src: taps, tiles: 1, blocks: n / lanes,
		dstRow: a.f.side * size, dstCol: size, srcRow: 3 * n, srcCol: n}.run(a.f.weight)
}

// picture convolves the picture x (h, w, from) with transformed weights and writes y (h, w, to).
func (f *filtering) picture(s *Scratch, y, x, weights []float32, h, w, from, to int) {
	th, tw := f.tiles(h), f.tiles(w)
	rowLen := f.span(tw) * from
	var xp []float32
	step := f.rows(tw, from+to, f.elements()*from*to)
	v := s.float32s(1, f.elements()*(step*tw*(from+to)+2*winogradGap))
	for i := 0; i < th; i += step {
		rows := min(step, th-i)
		tiles := rows * tw
		if lo, n, done := f.pad(th, i, rows, rowLen); !done {
			xp = s.float32s(0, n*rowLen)
			padRows(xp, x, h, w, from, f.border(h, w), lo, n, 0)
		}
		ve, me := tiles*from+winogradGap, tiles*to+winogradGap // from one of the elements to the next
		v, m := v[:f.elements()*ve], v[f.elements()*ve:]
		for r := range rows {
			f.squares(v[r*tw*from:], ve, from, f.row(xp, th, i, r, rowLen), tw, from)
		}
		f.products(s, m, v, weights, tiles, me, ve, from, to)
		for r := range rows {
			at := f.step * (i + r)
			f.write(s, y[at*w*to:], m[r*tw*to:], me, min(f.step, h-at), w, to)
		}
	}
}

// pictures does the same to pictures from first to end, all tiles of which are in work together: one pass over the
// weights.
func (f *filtering) pictures(s *Scratch, y, x Pictures[float32], first, end int, weights []float32, h, w, from, to int) {
	th, tw := f.tiles(h), f.tiles(w)
	rowLen := f.span(tw) * from
	tiles := (end - first) * th * tw
	ve, me := tiles*from+winogradGap, tiles*to+winogradGap
	v := s.float32s(1, f.elements()*(ve+me))
	v, m := v[:f.elements()*ve], v[f.elements()*ve:]
	xp := s.float32s(0, f.span(th)*rowLen)
	for n := first; n < end; n++ {
		padImage(xp, x.At(s, n), h, w, from, f.border(h, w))
		for r := range th {
			f.squares(v[((n-first)*th+r)*tw*from:], ve, from, xp[f.step*r*rowLen:], tw, from)
		}
	}
	f.products(s, m, v, weights, tiles, me, ve, from, to)
	for n := first; n < end; n++ {
		y := y.At(s, n)
		for r := range th {
			f.write(s, y[f.step*r*w*to:], m[((n-first)*th+r)*tw*to:], me, min(f.step, h-f.step*r), w, to)
		}
	}
}

// squares transforms a row of tiles of a laid out picture. element is the distance of the elements, tile that of the tiles.
func (f *filtering) squares(v []float32, element, tile int, xp []float32, tw, channels int) {
	squares{dst: v, src: xp, tiles: tw, blocks: channels / lanes,
		dstRow: f.side * element, dstCol: element, dstTile: tile,
		srcRow: f.span(tw) * channels, srcCol: channels, srcTile: f.step * channels}.run(f.input)
}

// products computes m = v*weights for each of the elements: (tiles, from) times (from, to).
func (f *filtering) products(s *Scratch, m, v, weights []float32, tiles, me, ve, from, to int) {
	a := row[float32, float32, float32]{pixels: tiles, kRows: 1, kRun: from, xPix: from, yPix: to, wBlock: from * lanes}
	for e := range f.elements() {
		w := weights[e*from*to:][:from*to]
		a.x = &v[e*ve:][:tiles*from][0]
		for b := 0; b < to/lanes; b += 2 {
			a.blocks = min(2, to/lanes-b)
			a.w, a.y = &w[b*a.wBlock:][:a.blocks*a.wBlock][0], &m[e*me:][:tiles*to][b*lanes]
			a.fetch = s.ahead.take(a.kernelSteps())
			convRow(&a)
		}
	}
}

// write writes some rows of w pixels, a tile's or fewer, from a row of tiles. element is the distance of the elements.
func (f *filtering) write(s *Scratch, y, m []float32, element, rows, w, channels int) {
	tw := f.tiles(w)
	out, rowLen := y, w*channels
	part := rows < f.step || w%f.step != 0
	if part {
		rowLen = f.step * tw * channels
		out = s.float32s(2, f.step*rowLen)
	}
	squares{dst: out, src: m, tiles: tw, blocks: channels / lanes,
		dstRow: rowLen, dstCol: channels, dstTile: f.step * channels,
		srcRow: f.side * element, srcCol: element, srcTile: channels}.run(f.output)
	if part {
		for r := range rows {
			copy(y[r*w*channels:][:w*channels], out[r*rowLen:])
		}
	}
}
