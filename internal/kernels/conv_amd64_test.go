//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// rowCase draws the geometry of a row: tails of all tile sizes, gaps in y and x.
func rowCase[X, W any](rng *rand.Rand, group int) (row[X, W, int32], int, int, int) {
	a := row[X, W, int32]{pixels: 1 + rng.IntN(40), blocks: 1 + rng.IntN(2), kRows: 1 + rng.IntN(3), kRun: 1 + rng.IntN(20)}
	a.xPix, a.xRow, a.yPix = group*(1+rng.IntN(5)), group*(1+rng.IntN(50)), a.blocks*lanes+rng.IntN(20)
	a.wBlock = a.kRows * a.kRun * group * lanes
	return a, (a.kRows-1)*a.xRow + (a.pixels-1)*a.xPix + a.kRun*group, a.blocks * a.wBlock, (a.pixels-1)*a.yPix + a.blocks*lanes
}

func TestConvRows(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(21, 22))
		for range 400 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			{
				c, nx, nw, ny := rowCase[float32, float32](rng, 1)
				x, w, y, want := ar.special(nx), ar.special(nw), ar.floats(ny), ar.floats(ny)
				if rng.IntN(2) == 0 { // without NaN, which hides much
					x, w = normal(rng, nx), normal(rng, nw)
				}
				a := row[float32, float32, float32]{&y[0], nil, &x[0], &w[0], c.pixels, c.blocks, c.kRows, c.kRun, c.xRow, c.xPix, c.yPix, c.wBlock, 0, fetch{&nowhere[0], 0}}
				convRow(&a)
				a.y = &want[0]
				portable(func() { convRow(&a) })
				same(t, fmt.Sprintf("convRow %+v", a), y, want)
			}
			{
				a, nx, nw, ny := rowCase[uint8, int8](rng, 4)
				a.steps = 1 + rng.IntN(25)
				x, w, y, want, init := ar.codes(nx), alloc[int8](ar, nw, 5), ar.ints(ny), ar.ints(ny), ar.ints(a.blocks*lanes)
				most := 128
				if addsPairs() { // steps pairs of products must fit int16, and may fill it
					most = 64 / a.steps
				}
				for i := range w {
					w[i] = int8(rng.IntN(2*most) - most)
				}
				copy(want, y)
				a.x, a.w, a.y, a.init = &x[0], &w[0], &y[0], &init[0]
				convRowBytes(&a)
				a.y = &want[0]
				portable(func() { convRowBytes(&a) })
				same(t, fmt.Sprintf("convRowBytes %+v", a), y, want)
			}
			{
				a, nx, nw, ny := rowCase[int16, int16](rng, 2)
				x, w, y, want, init := alloc[int16](ar, nx, 5), alloc[int16](ar, nw, 5), ar.ints(ny), ar.ints(ny), ar.ints(a.blocks*lanes)
				for i := range x {
					x[i] = int16(rng.UintN(256))
				}
				for i := range w {
					w[i] = int16(rng.IntN(256) - 128)
				}
				copy(want, y)
				a.x, a.w, a.y, a.init = &x[0], &w[0], &y[0], &init[0]
				convRowWords(&a)
				a.y = &want[0]
				portable(func() { convRowWords(&a) })
				same(t, fmt.Sprintf("convRowWords %+v", a), y, want)
			}
			ar.intact(t, "row")
		}
	})
}

func TestWeightGradRows(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(23, 24))
		for range 400 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			a := wgrad{rows: 1 + rng.IntN(4), cols: 1 + rng.IntN(9), blocks: 1 + rng.IntN(2), kRun: 1 + rng.IntN(40),
				xRow: rng.IntN(50), xPix: rng.IntN(20)}
			a.dyPix, a.dwRow = a.blocks*lanes+rng.IntN(20), a.blocks*lanes+rng.IntN(20)
			a.dyRow = a.cols*a.dyPix + rng.IntN(20)
			nx := (a.rows-1)*a.xRow + (a.cols-1)*a.xPix + a.kRun
			ndy, ndw := a.rows*a.dyRow, (a.kRun-1)*a.dwRow+a.blocks*lanes
			x, dy, dw, want := ar.special(nx), ar.special(ndy), ar.special(ndw), ar.floats(ndw)
			if rng.IntN(2) == 0 {
				x, dy = normal(rng, nx), normal(rng, ndy)
			}
			copy(want, dw)
			a.x, a.dy, a.dw = &x[0], &dy[0], &dw[0]
			fresh := rng.IntN(2) == 0
			a.add(fresh)
			a.dw = &want[0]
			portable(func() { a.add(fresh) })
			same(t, fmt.Sprintf("wgradRow %+v", a), dw, want)
			ar.intact(t, "wgradRow")
		}
	})
}

// Whole convolutions, against the portable path and, through TestConv's oracle,
// on every path.
func TestConvPaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(25, 26))
		p := NewPool(2)
		defer p.Close()
		for _, g := range geometries(rng, 40) {
			x, w, dy := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen())
			run := func() (y, dx, dw []float32) {
				y, dx, dw = make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
				ConvForward(p, g, y, x, w)
				ConvInputGrad(p, g, dx, dy, w)
				ConvWeightGrad(p, g, dw, x, dy)
				return
			}
			y, dx, dw := run()
			portable(func() {
				wy, wdx, wdw := run()
				same(t, fmt.Sprintf("forward %+v", g), y, wy)
				same(t, fmt.Sprintf("input gradient %+v", g), dx, wdx)
				same(t, fmt.Sprintf("weight gradient %+v", g), dw, wdw)
			})
		}
		TestConvInt(t)
	})
}
