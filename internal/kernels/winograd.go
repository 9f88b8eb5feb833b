package kernels

// Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray 2015, arXiv 1509.09308, section 4.1): a 3x3 convolution with
// stride 1 in squares of 2x2 outputs, each from 4x4 inputs d and the kernel g,
//
//	y = A'[(G g G') * (B' d B)]A
//
// where * multiplies element by element: 16 products instead of 36. Over channels, each of the 16 elements is a matrix
// product. The gradient of the input is such a convolution, and that of the weights is the transposed map,
//
//	dg = G'[sum of (B' d B) * (A dy A')]G
//
// The maps B', A', G add and halve only, so they round about as the direct sums do.

// squares describes to a kernel a linear map of small squares of 16*blocks channels, for tiles of them. Strides count
// float32: element (i, j) of square t is at t*Tile + i*Row + j*Col.
type squares struct {
	dst, src                []float32
	tiles, blocks           int
	dstRow, dstCol, dstTile int
	srcRow, srcCol, srcTile int
}

// squareMap is one of the maps, applied to the columns of a square and then to the rows.
type squareMap int

const (
	inputSquare      squareMap = iota // B' d B: 4x4 to 4x4
	outputSquare                      // A' m A: 4x4 to 2x2
	weightSquare                      // G g G': 3x3 to 4x4
	outputGradSquare                  // A y A': 2x2 to 4x4
	weightGradSquare                  // G' m G: 4x4 to 3x3
)

// sizes are the sides of the squares that a map takes and gives.
var sizes = [...]struct{ in, out int }{{4, 4}, {4, 2}, {3, 4}, {2, 4}, {4, 3}}

// run applies a map. The slices are cut to what the kernel touches, so that a wrong size panics here.
func (a squares) run(m squareMap) {
	if a.tiles == 0 {
		return
	}
	reach := func(n, row, col, tile int) int {
		return (a.tiles-1)*tile + (n-1)*(row+col) + a.blocks*lanes
	}
	a.src = a.src[:reach(sizes[m].in, a.srcRow, a.srcCol, a.srcTile)]
	a.dst = a.dst[:reach(sizes[m].out, a.dstRow, a.dstCol, a.dstTile)]
	mapSquares(m, &a)
}

func mapSquaresGeneric(m squareMap, a *squares) {
	for t := range a.tiles {
		src, dst := a.src[t*a.srcTile:], a.dst[t*a.dstTile:]
		for l := range a.blocks * lanes {
			var z [4][4]float32 // [row of the result][column of the input]
			for j := range sizes[m].in {
				var x [4]float32
				for k := range sizes[m].in {
					x[k] = src[k*a.srcRow+j*a.srcCol+l]
				}
				for i, v := range mapLine(m, x) {
					z[i][j] = v
				}
			}
			for i := range sizes[m].out {
				for o, v := range mapLine(m, z[i]) {
					if o < sizes[m].out {
						dst[i*a.dstRow+o*a.dstCol+l] = v
					}
				}
			}
		}
	}
}

// mapLine applies a map to a row or a column; what it has not is 0.
func mapLine(m squareMap, x [4]float32) [4]float32 {
	switch m {
	case inputSquare:
		return [4]float32{x[0] - x[2], x[1] + x[2], x[2] - x[1], x[3] - x[1]}
	case outputSquare:
		return [4]float32{(x[0] + x[1]) + x[2], (x[1] - x[2]) + x[3]}
	case weightSquare:
		ends := x[0] + x[2]
		return [4]float32{x[0], 0.5 * (ends + x[1]), 0.5 * (ends - x[1]), x[2]}
	case outputGradSquare:
		return [4]float32{x[0], x[0] + x[1], x[0] - x[1], x[1]}
	default:
		// The conversion keeps compilers from fusing the product with the sum.
		half := float32(0.5 * (x[1] + x[2]))
		return [4]float32{half + x[0], 0.5 * (x[1] - x[2]), half + x[3]}
	}
}

// winograd tells that the geometry is computed this way, in all passes and on all paths.
func (g *Conv) winograd() bool {
	return g.square(3, 1, 1) && g.Groups <= 1 && g.Cin%lanes == 0 && g.Cout%lanes == 0 && g.H >= 4 && g.W >= 4
}

// winogradFloats bounds the transformed squares that are in work together: half of a small second-level cache. It
// changes no bit.
const winogradFloats = 32 << 10

// winogradGap is what lies between the 16 elements of the tiles in work, so that they do not all fall into the same few
// sets of the first-level cache.
const winogradGap = lanes

// winogradMost bounds them where they share a pass over weights, or sums, that are more: what is read anew for each pass
// should not be more than what it is for.
const winogradMost = 512 << 10

// winogradRows is how many rows of tiles are in work together, for so many transformed weights.
func winogradRows(tilesW, channels, weights int) int {
	return max(1, max(winogradFloats, min(weights, winogradMost))/(16*tilesW*channels))
}

// winogradBorder is the border of a picture that is cut into 4x4 squares, 2 apart.
func winogradBorder(h, w int) Border { return Border{1, 1, 1 + h%2, 1 + w%2} }

// winogradPad returns which rows of the padded picture to lay out for the tiles of rows i and on: all at once ahead of the
// first unless that is more than a cache holds, else those that the tiles see. done tells that they are there.
func winogradPad(th, i, rows, rowLen int) (from, count int, done bool) {
	if winogradWhole(th, rowLen) {
		return 0, 2*th + 2, i > 0
	}
	return 2 * i, 2*rows + 2, false
}

func winogradWhole(th, rowLen int) bool { return (2*th+2)*rowLen <= winogradFloats }

// winogradRow returns the laid out rows that row r of the tiles from row i on sees.
func winogradRow(xp []float32, th, i, r, rowLen int) []float32 {
	if winogradWhole(th, rowLen) {
		r += i
	}
	return xp[2*r*rowLen:]
}

// winogradKernel holds the transformed weights of a convolution, [4][4][block of outputs][inputs][16].
type winogradKernel struct{ weights []float32 }

// winogradPacked is how many values a kernel has for each pair of an input and an output.
const winogradPacked = 16

// use puts the kernel into memory of packedLen values.
func (k *winogradKernel) use(memory []float32, g *Conv) {
	if size := winogradPacked * g.Cin * g.Cout; g.winograd() {
		k.weights = memory[:size:size]
	}
}

// pack transforms w (3, 3, Cin, Cout); for the input gradient flipped, with inputs and outputs exchanged.
func (k *winogradKernel) pack(p *Pool, g *Conv, w kernel, flip bool) {
	k.weights = grow(k.weights, winogradPacked*g.Cin*g.Cout)
	to := g.Cout
	if flip {
		to = g.Cin
	}
	loop(p, to/lanes, winogradPack{k.weights, w, g.Cin, g.Cout, flip}, func(s *Scratch, block int, a *winogradPack) { a.run(s, block) })
}

type winogradPack struct {
	weights   []float32
	w         kernel
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
		dstRow: 4 * size, dstCol: size, srcRow: 3 * n, srcCol: n}.run(weightSquare)
}

// winogradPicture convolves the picture x (h, w, from) with transformed weights and writes y (h, w, to).
func winogradPicture(s *Scratch, y, x, weights []float32, h, w, from, to int) {
	th, tw := (h+1)/2, (w+1)/2
	rowLen := (2*tw + 2) * from
	var xp []float32
	step := winogradRows(tw, from+to, 16*from*to)
	v := s.float32s(1, 16*(step*tw*(from+to)+2*winogradGap))
	for i := 0; i < th; i += step {
		rows := min(step, th-i)
		tiles := rows * tw
		if lo, n, done := winogradPad(th, i, rows, rowLen); !done {
			xp = s.float32s(0, n*rowLen)
			padRows(xp, x, h, w, from, winogradBorder(h, w), lo, n, 0)
		}
		ve, me := tiles*from+winogradGap, tiles*to+winogradGap // from one of the 16 elements to the next
		v, m := v[:16*ve], v[16*ve:]
		for r := range rows {
			squares{dst: v[r*tw*from:], src: winogradRow(xp, th, i, r, rowLen), tiles: tw, blocks: from / lanes,
				dstRow: 4 * ve, dstCol: ve, dstTile: from,
				srcRow: rowLen, srcCol: from, srcTile: 2 * from}.run(inputSquare)
		}
		winogradProducts(s, m, v, weights, tiles, me, ve, from, to)
		for r := range rows {
			winogradOutput(s, y[2*(i+r)*w*to:], m[r*tw*to:], me, min(2, h-2*(i+r)), w, to)
		}
	}
}

// winogradPictures does the same to pictures from first to end, all tiles of which are in work together: one pass over the
// weights.
func winogradPictures(s *Scratch, y, x Pictures[float32], first, end int, weights []float32, h, w, from, to int) {
	th, tw := (h+1)/2, (w+1)/2
	rowLen := (2*tw + 2) * from
	tiles := (end - first) * th * tw
	ve, me := tiles*from+winogradGap, tiles*to+winogradGap
	v := s.float32s(1, 16*(ve+me))
	v, m := v[:16*ve], v[16*ve:]
	xp := s.float32s(0, (2*th+2)*rowLen)
	for n := first; n < end; n++ {
		padImage(xp, x.At(s, n), h, w, from, winogradBorder(h, w))
		for r := range th {
			squares{dst: v[((n-first)*th+r)*tw*from:], src: xp[2*r*rowLen:], tiles: tw, blocks: from / lanes,
				dstRow: 4 * ve, dstCol: ve, dstTile: from,
				srcRow: rowLen, srcCol: from, srcTile: 2 * from}.run(inputSquare)
		}
	}
	winogradProducts(s, m, v, weights, tiles, me, ve, from, to)
	for n := first; n < end; n++ {
		y := y.At(s, n)
		for r := range th {
			winogradOutput(s, y[2*r*w*to:], m[((n-first)*th+r)*tw*to:], me, min(2, h-2*r), w, to)
		}
	}
}

// winogradProducts computes m = v*weights for each of the 16 elements: (tiles, from) times (from, to).
func winogradProducts(s *Scratch, m, v, weights []float32, tiles, me, ve, from, to int) {
	a := row[float32, float32, float32]{pixels: tiles, kRows: 1, kRun: from, xPix: from, yPix: to, wBlock: from * lanes}
	for e := range 16 {
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

// winogradOutput writes up to two rows of w pixels from a row of tiles. element is the distance of the 16 elements.
func winogradOutput(s *Scratch, y, m []float32, element, rows, w, channels int) {
	tw := (w + 1) / 2
	out, rowLen := y, w*channels
	if rows < 2 || w%2 != 0 {
		rowLen = 2 * tw * channels
		out = s.float32s(2, 2*rowLen)
	}
	squares{dst: out, src: m, tiles: tw, blocks: channels / lanes,
		dstRow: rowLen, dstCol: channels, dstTile: 2 * channels,
		srcRow: 4 * element, srcCol: element, srcTile: channels}.run(outputSquare)
	if rows < 2 || w%2 != 0 {
		for r := range rows {
			copy(y[r*w*channels:][:w*channels], out[r*rowLen:])
		}
	}
}
