package kernels

import (
	"math"
	"unsafe"
)

// Winograd's filtering F(4x4, 3x3) (Lavin and Gray 2015, arXiv 1509.09308, section 4) on codes, exact in integers: squares
// of 4x4 sums, from 6x6 codes d and the kernel g,
//
//	sum = A'[(G g G') * (B' d B)]A
//
// take 36 products instead of 144. B is that of the paper. The rows of G are 24, -6, -6, 24, 24 and 6 times the paper's,
// which makes them whole, and the rows of A' follow, 24, 12, 6 and 6 times the paper's:
//
//	G = 6  0  0    A' = 1 -4 -4  1  1  0
//	    1  1  1         0 -2  2  1 -1  0
//	    1 -1  1         0 -1 -1  1  1  0
//	    1  2  4         0 -1  1  2 -2  1
//	    1 -2  4
//	    0  0  6
//
// |B' d B| <= 50*255 and |G g G'| <= 49*128 fit int16. From there on all is modulo 2^32: times the inverse of 9, which is
// odd, a result is 2^k times the sum, k <= 6, and is shifted by k. So 64 times the sum must fit int32. Where it may not,
// input channels are cut into runs whose sums do, and these are added afterwards.

// sumSquare is the side of the squares of sums.
const sumSquare = 4

// squaresOf returns how many squares cover n rows or columns of sums.
func squaresOf(n int) int { return (n + sumSquare - 1) / sumSquare }

// squaresPay tells that Winograd's filtering is faster than direct sums with so many steps (see IntWeights), which it is
// without VNNI only. A square that lies half outside the picture takes as long as any. docs/speed.md has the measurements.
func squaresPay(g *Conv, steps int) bool {
	if !addsPairs() || !g.square(3, 1, 1) || g.Cin%lanes != 0 || g.Cout%lanes != 0 {
		return false
	}
	tiles, pixels := squaresOf(g.H)*squaresOf(g.W), g.H*g.W
	if steps < 2 {
		return tiles >= 4 && 5*pixels >= 32*tiles
	}
	return tiles >= 4 && 3*pixels >= 32*tiles
}

// keptSquares bounds transformed weights, in bytes, that are kept. They take four times the memory of the weights, and where
// no second-level cache holds them it is faster to transform a block of outputs just before it is used, for all squares in
// work.
const keptSquares = 512 << 10

// packSquares packs w for codes up to largest.
func (dst *IntWeights) packSquares(g Conv, w []int8, largest uint8) {
	dst.g, dst.group, dst.squares = g, 2, true
	dst.cutRuns(w, largest)
	dst.sum = grow(dst.sum, g.Cout)
	clear(dst.sum)
	for rest := w; len(rest) > 0; rest = rest[g.Cout:] {
		for o, v := range rest[:g.Cout] {
			dst.sum[o] += int32(v)
		}
	}
	block := 36 * dst.squareElement()
	if kept := block * g.Cout / lanes; 2*kept <= keptSquares {
		dst.bytes, dst.words = dst.bytes[:0], grow(dst.words, kept)
		var z squareRoom
		for b := 0; b < g.Cout; b += lanes {
			winogradTaps(dst.words[b/lanes*block:], w[b:], &z, g.Cin/2, g.Cout, g.Cin*g.Cout, dst.squareElement())
		}
		return
	}
	dst.words, dst.bytes = dst.words[:0], grow(dst.bytes, len(w))
	to := dst.bytes
	for b := 0; b < g.Cout; b += lanes {
		for from := b; from < len(w); from += g.Cout {
			to = to[copy(to, w[from:][:lanes]):]
		}
	}
}

// squareBlocks is how many blocks of 16 outputs are in work together.
func (w *IntWeights) squareBlocks() int {
	if 2*lanes*72*w.g.Cin <= keptSquares {
		return min(2, w.g.Cout/lanes)
	}
	return 1
}

// squareWeights returns the transformed weights of blocks of outputs from b on, which may be in room.
func (w *IntWeights) squareWeights(b, blocks int, room []int16, z *squareRoom) []int16 {
	block, tap := 36*w.squareElement(), w.g.Cin*lanes
	if len(w.words) > 0 {
		return w.words[b/lanes*block:][:blocks*block]
	}
	for i := range blocks {
		winogradTaps(room[i*block:], w.bytes[9*tap*(b/lanes+i):], z, w.g.Cin/2, lanes, tap, w.squareElement())
	}
	return room
}

// cutRuns cuts the input channels into as few runs as keep 64 times any sum of a run within int32. It overwrites dst.sum.
func (dst *IntWeights) cutRuns(w []int8, largest uint8) {
	g := &dst.g
	most := math.MaxInt32 / 64 / int32(max(largest, 1)) // of the weights of one sign; 16 channels have 9*16*128 at most
	dst.runs = dst.runs[:0]
	if 9*g.Cin*128 > int(most) {
		n := 2 * g.Cout // of each output, those above 0 and those below
		dst.sum = grow(dst.sum, 2*n)
		run, next := dst.sum[:n], dst.sum[n:]
		clear(run)
		for c := 0; c < g.Cin; c += lanes {
			clear(next)
			above, below := next[:g.Cout], next[g.Cout:]
			for tap := range 9 {
				for k := range lanes {
					for o, v := range w[(tap*g.Cin+c+k)*g.Cout:][:g.Cout] {
						above[o] += int32(max(v, 0))
						below[o] -= int32(min(v, 0))
					}
				}
			}
			fits := true
			for i, v := range next {
				run[i] += v
				fits = fits && run[i] <= most
			}
			if !fits {
				dst.runs = append(dst.runs, c)
				copy(run, next)
			}
		}
	}
	dst.runs = append(dst.runs, g.Cin)
}

// squareElement is the distance of the 36 elements in the weights of 16 outputs: see winogradGap.
func (w *IntWeights) squareElement() int { return w.g.Cin*lanes + 2*winogradGap }

// padSize returns the size of a picture with its border.
func (w *IntWeights) padSize() int {
	g := &w.g
	if w.squares {
		return (sumSquare*squaresOf(g.H) + 2) * (sumSquare*squaresOf(g.W) + 2) * g.Cin
	}
	return g.padH()*g.padW()*g.Cin + w.group - 1 // up to the end of the last group
}

// noSums are what the products of an element start from.
var noSums [2 * lanes]int32

// squareMost bounds the transformed codes that share a pass over weights, in bytes, with the products of 16 outputs.
const squareMost = 768 << 10

// squareRows is how many rows of squares are in work together: where weights are many, as many as a second-level cache holds.
func (w *IntWeights) squareRows() int {
	g := &w.g
	weights, row := 72*g.Cin*g.Cout, 36*squaresOf(g.W)*(2*g.Cin+4*lanes*w.squareBlocks())
	return max(1, max(4*winogradFloats, min(weights, squareMost))/row)
}

// squareWork is the memory of a worker for rows of squares.
type squareWork struct {
	z    *squareRoom
	v, u []int16 // transformed codes; weights
	m, y []int32 // products, and sums of earlier runs
}

// squareMemory returns memory for so many rows of squares.
func (w *IntWeights) squareMemory(s *Scratch, rows int) squareWork {
	var a squareWork
	tiles, blocks := rows*squaresOf(w.g.W), w.squareBlocks()
	nz, nv, nu := len(a.z)*len(a.z[0]), 36*(tiles*w.g.Cin+2*winogradGap), 36*blocks*w.squareElement()
	nm, ny := 36*(tiles*blocks*lanes+winogradGap), tiles*sumSquare*sumSquare*blocks*lanes
	room := s.int32s(0, nz+nv/2+nu/2+nm+ny)
	a.z = (*squareRoom)(unsafe.Pointer(&room[0]))
	words := unsafe.Slice((*int16)(unsafe.Pointer(&room[nz])), nv+nu)
	a.v, a.u = words[:nv], words[nv:]
	room = room[nz+nv/2+nu/2:]
	a.m, a.y = room[:nm], room[nm:]
	return a
}

// sumSquares computes the sums or the codes of pictures. Several small ones share a pass over the weights.
func (l *IntForward) sumSquares(s *Scratch, first, end int) {
	th, step := squaresOf(l.Weights.g.H), l.Weights.squareRows()
	pictures := max(1, step/th)
	for n := first; n < end; n += pictures {
		l.sumTogether(s, n, min(n+pictures, end), min(step, pictures*th))
	}
}

// sumTogether computes the sums or the codes of pictures, step rows of squares at a time: all, or some of one picture.
func (l *IntForward) sumTogether(s *Scratch, first, end, step int) {
	w, x := l.Weights, l.padded[s.worker]
	g := &w.g
	th, tw := squaresOf(g.H), squaresOf(g.W)
	total, xRow, yRow, wide := (end-first)*th, (sumSquare*tw+2)*g.Cin, g.W*g.Cout, sumSquare*tw*g.Cout
	whole := g.H%sumSquare == 0 && g.W%sumSquare == 0
	var acc []int32
	var codes []uint8
	switch {
	case !l.toCodes():
		acc = s.int32s(1, total*sumSquare*wide)
	case !whole:
		codes = s.bytes(1, total*sumSquare*wide)
	}
	work := w.squareMemory(s, min(step, total))
	for i := 0; i < total; i += step {
		rows := min(step, total-i)
		tiles := rows * tw
		ve := tiles*g.Cin + 2*winogradGap // from one of the 36 elements to the next
		for r := range rows {
			n, row := first+(i+r)/th, (i+r)%th
			if row == 0 {
				copyRows(x[xRow+g.Cin:], l.Codes.At(s, n), g.H, xRow, g.W*g.Cin, g.W*g.Cin)
			}
			winogradCodes(work.v[r*tw*g.Cin:], x[sumSquare*row*xRow:], work.z, tw, g.Cin/lanes, xRow, ve)
		}
		for b := 0; b < g.Cout; {
			blocks := min(w.squareBlocks(), (g.Cout-b)/lanes)
			u, width := w.squareWeights(b, blocks, work.u, work.z), blocks*lanes
			a := squareSums{tiles: tw, blocks: blocks, element: tiles*width + winogradGap, init: l.init[b:], z: work.z}
			part := sumSquare * tw * width // of a row
			from := 0
			for _, to := range w.runs {
				w.squareProducts(s, work.m, work.v, u, tiles, blocks, a.element, ve, from, to)
				for r := range rows {
					before := work.y[r*sumSquare*part:]
					if a.src = work.m[r*tw*width:]; from > 0 {
						a.init, a.initRow, a.initPix = before, part, width
					}
					at := (i+r)*sumSquare*wide + b
					switch {
					case to < g.Cin:
						winogradSums(before, part, width, &a)
					case acc != nil:
						winogradSums(acc[at:], wide, g.Cout, &a)
					case whole:
						y := l.Requant.Y.At(s, first+(i+r)/th)
						winogradSumsCodes(y[(i+r)%th*sumSquare*wide+b:], wide, g.Cout, &a, &l.Requant, b)
					default:
						winogradSumsCodes(codes[at:], wide, g.Cout, &a, &l.Requant, b)
					}
				}
				from = to
			}
			b += width
		}
	}
	for n := first; n < end; n++ {
		at := (n - first) * th * sumSquare * wide
		switch {
		case acc != nil:
			sums := acc[at:]
			copyRows(sums, sums, g.H, yRow, wide, yRow) // in place
			l.finishSums(s, n, sums[:g.outImage()])
		case !whole:
			copyRows(l.Requant.Y.At(s, n), codes[at:], g.H, yRow, wide, yRow)
		}
	}
}

// squareProducts computes m = v*weights for each of the 36 elements, some blocks of outputs and the input channels in
// [from, to): (tiles, channels) times (channels, outputs).
func (w *IntWeights) squareProducts(s *Scratch, m []int32, v, weights []int16, tiles, blocks, me, ve, from, to int) {
	cin, ue := w.g.Cin, w.squareElement()
	a := row[int16, int16, int32]{init: &noSums[0], pixels: tiles, blocks: blocks, kRows: 1, kRun: (to - from) / 2, xPix: cin, yPix: blocks * lanes, wBlock: 36 * ue}
	for e := range 36 {
		a.x, a.y = &v[e*ve:][:tiles*cin][from], &m[e*me:][:tiles*blocks*lanes][0]
		a.w = &weights[e*ue:][:(blocks-1)*36*ue+cin*lanes][from*lanes]
		a.fetch = s.ahead.take(a.kernelSteps())
		convRowWords(&a)
	}
}
