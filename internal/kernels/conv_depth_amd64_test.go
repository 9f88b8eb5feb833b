//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// finish compares what kernels write to y with what portable code does.
func finish[T float32 | uint8 | int32](t *testing.T, y []T, a *finishedDepth, to **T, portable func(func())) {
	t.Helper()
	want := slices.Clone(y)
	*to = &y[0]
	convDepthFinished(a)
	*to = &want[0]
	portable(func() { convDepthFinished(a) })
	*to = nil
	same(t, fmt.Sprintf("convDepthFinished %+v", *a), y, want)
}

func TestDepthRows(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(41, 42))
		for range 300 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			values := func(n int) []float32 {
				if rng.IntN(2) == 0 { // without NaN, which hides much
					return normal(rng, n)
				}
				return ar.special(n)
			}
			{
				a := depth{rows: 1 + rng.IntN(3), pixels: 1 + rng.IntN(40), kRows: 1 + rng.IntN(4), kRun: 1 + rng.IntN(6),
					xRow: rng.IntN(99), xPix: rng.IntN(40), xStep: rng.IntN(99), yPix: lanes + rng.IntN(9)}
				a.yRow = a.pixels*a.yPix + rng.IntN(9)
				x := values((a.rows-1)*a.xStep + (a.kRows-1)*a.xRow + (a.pixels-1)*a.xPix + a.kRun*lanes)
				w := values(a.kRows * a.kRun * lanes)
				n := (a.rows-1)*a.yRow + (a.pixels-1)*a.yPix + lanes
				y, want := ar.floats(n), ar.floats(n)
				a.x, a.w, a.y = &x[0], &w[0], &y[0]
				convDepth(&a)
				a.y = &want[0]
				portable(func() { convDepth(&a) })
				same(t, fmt.Sprintf("convDepth %+v", a), y, want)
			}
			{
				a := depthGrad{rows: 1 + rng.IntN(3), cols: 1 + rng.IntN(9), kRows: 1 + rng.IntN(3), kRun: 1 + rng.IntN(5),
					xRow: rng.IntN(99), xPix: rng.IntN(40), xStep: rng.IntN(99), dyRow: rng.IntN(99), dyPix: rng.IntN(40)}
				a.dwRow = a.kRun*lanes + rng.IntN(20)
				x := values((a.rows-1)*a.xStep + (a.kRows-1)*a.xRow + (a.cols-1)*a.xPix + a.kRun*lanes)
				dy := values((a.rows-1)*a.dyRow + (a.cols-1)*a.dyPix + lanes)
				n := (a.kRows-1)*a.dwRow + a.kRun*lanes
				dw, want := ar.floats(n), ar.floats(n)
				for i := range dw {
					dw[i] = float32(rng.NormFloat64())
				}
				copy(want, dw)
				a.x, a.dy, a.dw = &x[0], &dy[0], &dw[0]
				wgradDepth(&a)
				a.dw = &want[0]
				portable(func() { wgradDepth(&a) })
				same(t, fmt.Sprintf("wgradDepth %+v", a), dw, want)
			}
			{
				a := finishedDepth{depth: depth{rows: 1 + rng.IntN(3), pixels: 1 + rng.IntN(40), kRows: 1 + rng.IntN(4), kRun: 1 + rng.IntN(6),
					xRow: rng.IntN(99), xPix: rng.IntN(40), xStep: rng.IntN(99), yPix: lanes + rng.IntN(9)},
					zeroPoint: 3, lo: float32(rng.IntN(9)), hi: float32(9 + rng.IntN(240))}
				a.yRow = a.pixels*a.yPix + rng.IntN(9)
				x, w := ar.floats((a.rows-1)*a.xStep+(a.kRows-1)*a.xRow+(a.pixels-1)*a.xPix+a.kRun*lanes), ar.floats(a.kRows*a.kRun*lanes)
				for i := range x {
					x[i] = float32(rng.IntN(511) - 255)
				}
				for i := range w {
					w[i] = float32(rng.IntN(256) - 128)
				}
				init, factors := ar.ints(lanes), ar.multipliers(lanes)
				a.x, a.w, a.init, a.factors = &x[0], &w[0], &init[0], &factors[0]
				n := (a.rows-1)*a.yRow + (a.pixels-1)*a.yPix + lanes
				finish(t, ar.ints(n), &a, &a.sums, portable)
				finish(t, ar.floats(n), &a, &a.scaled, portable)
				finish(t, ar.codes(n), &a, &a.codes, portable)
			}
			ar.intact(t, "depth")
		}
	})
}

// Depthwise 3x3 convolutions of codes to codes give the same on every path: of odd and even rows, blocks of channels that
// overlap, strips of a picture, and borders of any zero point.
func TestDepthCodes(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(47, 48))
		p := NewPool(1)
		defer p.Close()
		for i := range 60 {
			c := 1 + rng.IntN(50)
			g := Conv{N: 1, H: 1 + rng.IntN(9), W: 1 + rng.IntN(12), Cin: c, Cout: c, Groups: c}.Square(3, 1+rng.IntN(2), 0)
			g.Pad = Border{rng.IntN(3), rng.IntN(3), rng.IntN(3), rng.IntN(3)}
			if i == 0 {
				g = Conv{N: 1, H: 41, W: 50, Cin: 96, Cout: 96, Groups: 96}.Square(3, 1, 1)
			}
			if g.Check() != nil {
				continue
			}
			ar := &arena{rng: rng, off: rng.IntN(8)}
			codes, w, bias, factors := ar.codes(g.InLen()), make([]int8, g.WeightLen()), ar.ints(g.Cout), ar.multipliers(g.Cout)
			for i := range w {
				w[i] = int8(rng.IntN(256) - 128)
			}
			for c, b := range bias {
				bias[c] = b >> 2 // sums keep within int32
				if f := factors[c]; f-f != 0 {
					factors[c] = 0.5 // multipliers are finite
				}
			}
			zp, lo := uint8(rng.IntN(256)), uint8(rng.IntN(200))
			q := Requantization{Multiplier: factors, ZeroPoint: float32(lo + uint8(rng.IntN(30))), Lo: float32(lo), Hi: float32(lo + 30 + uint8(rng.IntN(26)))}
			run := func() []uint8 {
				q.Y = Batch(ar.codes(g.OutLen()), 1)
				p.Run(1, &IntForward{Weights: PackIntWeights(nil, g, w, 255), Codes: Batch(codes, 1), ZeroPoint: zp, Bias: bias, Requant: q})
				return q.Y.Data
			}
			got := run()
			var want []uint8
			portable(func() { want = run() })
			same(t, fmt.Sprintf("%+v", g), got, want)
			ar.intact(t, "codes")
		}
	})
}
