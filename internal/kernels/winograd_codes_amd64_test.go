//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestSquareKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(39, 40))
		z := &squareRoom{}
		for range 100 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			tiles, blocks := 1+rng.IntN(5), 1+rng.IntN(4)
			channels := blocks * lanes
			what := fmt.Sprintf("%d tiles of %d blocks", tiles, blocks)

			row, element := (sumSquare*tiles+2)*channels+rng.IntN(9), tiles*channels+rng.IntN(9)
			codes := ar.codes(5*row + (sumSquare*tiles+2)*channels)
			if rng.IntN(2) == 0 {
				for i := range codes {
					codes[i] = uint8(rng.IntN(2)) * 255
				}
			}
			v, want := alloc[int16](ar, 35*element+tiles*channels, 7), alloc[int16](ar, 35*element+tiles*channels, 7)
			winogradCodes(v, codes, z, tiles, blocks, row, element)
			portable(func() { winogradCodes(want, codes, z, tiles, blocks, row, element) })
			same(t, "codes: "+what, v, want)

			pairs, outputs := 1+rng.IntN(5), channels+rng.IntN(9)
			tap, element := 2*pairs*outputs+rng.IntN(9), 2*lanes*pairs+rng.IntN(9)
			w := alloc[int8](ar, 8*tap+(2*pairs-1)*outputs+lanes, 5)
			for i := range w {
				w[i] = int8(rng.UintN(256))
			}
			v, want = alloc[int16](ar, 35*element+2*lanes*pairs, 7), alloc[int16](ar, 35*element+2*lanes*pairs, 7)
			winogradTaps(v, w, z, pairs, outputs, tap, element)
			portable(func() { winogradTaps(want, w, z, pairs, outputs, tap, element) })
			same(t, "weights: "+what, v, want)

			pix := channels + rng.IntN(9)
			row, element = sumSquare*tiles*pix+rng.IntN(9), tiles*channels+rng.IntN(9)
			a := &squareSums{src: ar.ints(35*element + tiles*channels), tiles: tiles, blocks: blocks, element: element, z: z}
			if rng.IntN(2) == 0 { // from sums
				a.initPix = channels + rng.IntN(9)
				a.initRow = sumSquare*tiles*a.initPix + rng.IntN(9)
			}
			a.init = ar.ints(3*a.initRow + (sumSquare*tiles-1)*a.initPix + channels)
			size := 3*row + (sumSquare*tiles-1)*pix + channels
			y, sums := alloc[int32](ar, size, 3), alloc[int32](ar, size, 3)
			winogradSums(y, row, pix, a)
			portable(func() { winogradSums(sums, row, pix, a) })
			same(t, "sums: "+what, y, sums)

			c := lanes * rng.IntN(2)
			q := &Requantization{Multiplier: ar.multipliers(c + channels), ZeroPoint: float32(rng.IntN(256))}
			q.Lo = float32(rng.IntN(256))
			q.Hi = q.Lo + float32(rng.IntN(256-int(q.Lo)))
			u, codes := alloc[uint8](ar, size, 9), alloc[uint8](ar, size, 9)
			winogradSumsCodes(u, row, pix, a, q, c)
			portable(func() { winogradSumsCodes(codes, row, pix, a, q, c) })
			same(t, "sums' codes: "+what, u, codes)
			ar.intact(t, "squares")
		}
		TestConvSquares(t)
		TestSquaresLimit(t)
		TestSquareRuns(t)
		TestSquaresAreChosen(t)
	})
}
