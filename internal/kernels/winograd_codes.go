package kernels

import (
	"math"
	"slices"
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
// odd, a result is 2^k times the sum, k <= 6, and is shifted by k. So 64 times the sum must fit int32.

// sumSquare is the side of the squares of sums.
const sumSquare = 4

// squaresOf returns how many squares cover n rows or columns of sums.
func squaresOf(n int) int { return (n + sumSquare - 1) / sumSquare }

// squaresPay tells that Winograd's filtering is faster than direct sums with so many steps (see IntWeights), which it is
// without VNNI only. A square that lies half outside the picture takes as long as any, and a square reads four times the
// weights of a direct sum. docs/speed.md has the measurements.
func squaresPay(g *Conv, steps int) bool {
	if !addsPairs() || !g.square(3, 1, 1) || g.Cin%lanes != 0 || g.Cout%lanes != 0 {
		return false
	}
	tiles, pixels := squaresOf(g.H)*squaresOf(g.W), g.H*g.W
	if steps < 2 {
		return tiles >= 4 && 5*pixels >= 32*tiles
	}
	return tiles >= 4 && 3*pixels >= 32*tiles && g.Cin*g.Cout <= tiles<<15
}

// packSquares transforms w unless the sums of codes up to largest may be too large.
func (dst *IntWeights) packSquares(g Conv, w []int8, largest uint8) bool {
	dst.g, dst.group, dst.squares = g, 2, true
	dst.sum = grow(dst.sum, g.Cout)
	if !dst.squaresFit(w, largest) {
		return false
	}
	size, element := g.Cin*g.Cout, dst.squareElement()
	dst.words = grow(dst.words, 36*element)
	var z squareRoom
	clear(dst.sum)
	for b := 0; b < g.Cout; b += lanes {
		winogradTaps(dst.words[b*g.Cin:], w[b:], &z, g.Cin/2, g.Cout, size, element)
		sums := dst.sum[b:][:lanes]
		middle := dst.words[7*element+b*g.Cin:][:lanes*g.Cin] // element (1, 1) is the sum of all taps
		for ; len(middle) > 0; middle = middle[2*lanes:] {
			for l := range sums {
				sums[l] += int32(middle[2*l]) + int32(middle[2*l+1])
			}
		}
	}
	return true
}

// squaresFit tells that 64 times any sum fits int32. It overwrites dst.sum.
func (dst *IntWeights) squaresFit(w []int8, largest uint8) bool {
	most := math.MaxInt32 / 64 / int32(max(largest, 1)) // of the weights of one sign
	if 9*dst.g.Cin*128 <= int(most) {
		return true
	}
	for _, sign := range []int32{1, -1} {
		clear(dst.sum)
		for rest := w; len(rest) > 0; rest = rest[len(dst.sum):] {
			for c, v := range rest[:len(dst.sum)] {
				dst.sum[c] += max(0, sign*int32(v))
			}
		}
		if slices.Max(dst.sum) > most {
			return false
		}
	}
	return true
}

// squareElement is the distance of the 36 elements in the weights: see winogradGap.
func (w *IntWeights) squareElement() int { return w.g.Cin*w.g.Cout + 2*winogradGap }

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

// sumSquares computes one picture's sums (H, W, Cout) or, if there is a Requant, the codes of picture n from its codes.
func (l *IntForward) sumSquares(s *Scratch, n int, acc []int32, codes []uint8) (requantized bool) {
	w, x := l.Weights, l.padded[s.worker]
	g := &w.g
	q := &l.Requant
	var y []uint8
	if l.Sums == nil && q.Y.Data != nil {
		y = q.Y.At(s, n)
	}
	th, tw := squaresOf(g.H), squaresOf(g.W)
	xRow, yRow := (sumSquare*tw+2)*g.Cin, g.W*g.Cout
	for i := range g.H {
		copy(x[(i+1)*xRow+g.Cin:], codes[i*g.W*g.Cin:][:g.W*g.Cin])
	}
	step := min(th, max(1, winogradFloats/(36*tw*(g.Cin/2+g.Cout))))
	nv, nm := 36*(step*tw*g.Cin+2*winogradGap), 36*(step*tw*g.Cout+winogradGap)
	var z *squareRoom
	nz := len(z) * len(z[0])
	room := s.int32s(0, nz+nv/2+nm)
	z = (*squareRoom)(unsafe.Pointer(&room[0]))
	v, m := unsafe.Slice((*int16)(unsafe.Pointer(&room[nz])), nv), room[nz+nv/2:]
	for i := 0; i < th; i += step {
		rows := min(step, th-i)
		tiles := rows * tw
		ve, me := tiles*g.Cin+2*winogradGap, tiles*g.Cout+winogradGap // from one of the 36 elements to the next
		for r := range rows {
			winogradCodes(v[r*tw*g.Cin:], x[sumSquare*(i+r)*xRow:], z, tw, g.Cin/lanes, xRow, ve)
		}
		w.squareProducts(s, m, v, tiles, me, ve)
		for r := range rows {
			at, from := sumSquare*(i+r)*yRow, m[r*tw*g.Cout:]
			whole, wide := g.H%sumSquare == 0 && g.W%sumSquare == 0, sumSquare*tw*g.Cout
			height := min(sumSquare, g.H-sumSquare*(i+r))
			switch {
			case y != nil && whole:
				winogradSumsCodes(y[at:], from, l.init, z, tw, g.Cout/lanes, yRow, me, q)
			case y != nil:
				out := s.bytes(2, sumSquare*wide)
				winogradSumsCodes(out, from, l.init, z, tw, g.Cout/lanes, wide, me, q)
				cutSquares(y[at:], out, height, yRow, wide)
			case whole:
				winogradSums(acc[at:], from, l.init, z, tw, g.Cout/lanes, yRow, me)
			default:
				out := s.int32s(2, sumSquare*wide)
				winogradSums(out, from, l.init, z, tw, g.Cout/lanes, wide, me)
				cutSquares(acc[at:], out, height, yRow, wide)
			}
		}
	}
	return y != nil
}

// cutSquares copies the rows of squares without what lies beyond the picture.
func cutSquares[T any](dst, src []T, rows, dstRow, srcRow int) {
	for i := range rows {
		copy(dst[i*dstRow:][:dstRow], src[i*srcRow:])
	}
}

// squareProducts computes m = v*weights for each of the 36 elements: (tiles, Cin) times (Cin, Cout).
func (w *IntWeights) squareProducts(s *Scratch, m []int32, v []int16, tiles, me, ve int) {
	cin, cout := w.g.Cin, w.g.Cout
	a := row[int16, int16, int32]{init: &noSums[0], pixels: tiles, kRows: 1, kRun: cin / 2, xPix: cin, yPix: cout, wBlock: cin * lanes}
	for e := range 36 {
		weights := w.words[e*w.squareElement():][:cin*cout]
		a.x = &v[e*ve:][:tiles*cin][0]
		for b := 0; b < cout/lanes; b += 2 {
			a.blocks = min(2, cout/lanes-b)
			a.w, a.y = &weights[b*a.wBlock:][:a.blocks*a.wBlock][0], &m[e*me:][:tiles*cout][b*lanes]
			a.fetch = s.ahead.take(a.kernelSteps())
			convRowWords(&a)
		}
	}
}
