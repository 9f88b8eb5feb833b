//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestFlatKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(17, 18))
		for n := range 258 {
			for off := range 8 {
				a := &arena{rng: rng, off: off}
				x, g, codes := a.special(n), a.special(n), a.codes(n)
				test := func(name string, f func(y, s, q []float32, u []uint8, w []int16)) {
					t.Helper()
					differ(t, a, fmt.Sprintf("%s, length %d, offset %d", name, n, off), portable, n, lanes, f)
				}
				test("reluRow", func(y, _, _ []float32, _ []uint8, _ []int16) { reluRow(y, x) })
				test("reluGradRow", func(y, _, _ []float32, _ []uint8, _ []int16) { reluGradRow(y, x, g) })
				test("addRow", func(y, _, _ []float32, _ []uint8, _ []int16) { addRow(y, x, g) })
				test("quantizeRow", func(_, _, _ []float32, u []uint8, _ []int16) { quantizeRow(u, x, &uniform) })
				test("quantizeGradRow", func(y, s, _ []float32, _ []uint8, _ []int16) {
					quantizeGradRow((*[lanes]float32)(s), y, x, g, &uniform)
				})
				flat := uniform
				flat.Flat = true
				test("quantizeGradRow, flat", func(y, s, _ []float32, _ []uint8, _ []int16) {
					quantizeGradRow((*[lanes]float32)(s), y, x, g, &flat)
				})
				test("requantizeGradRow, flat", func(y, s, _ []float32, _ []uint8, _ []int16) {
					requantizeGradRow((*[lanes]float32)(s), y, codes, g, &from, &flat)
				})
				test("codesToFloat", func(y, _, _ []float32, _ []uint8, _ []int16) { codesToFloat(y, codes, 131) })
				test("dequantizeRow", func(y, _, _ []float32, _ []uint8, _ []int16) { dequantizeRow(y, codes, 131, 0.1) })
				var m CodeMap
				m.Set(from, uniform)
				test("CodeMap", func(_, _, _ []float32, u []uint8, _ []int16) { m.Row(u, codes) })
				table := [256]uint8(a.codes(256))
				test("MapBytes", func(_, _, _ []float32, u []uint8, _ []int16) { MapBytes(u, codes, &table) })
				test("requantizeGradRow", func(y, s, _ []float32, _ []uint8, _ []int16) {
					requantizeGradRow((*[lanes]float32)(s), y, codes, g, &from, &uniform)
				})
				sum := CodeSum{RatioA: ratios[a.rng.IntN(len(ratios))], RatioB: ratios[a.rng.IntN(len(ratios))], ZeroA: 131, ZeroB: 7, ZeroPoint: 8, Lo: 3, Hi: 250}
				other := a.codes(n)
				test("addCodesRow", func(_, _, _ []float32, u []uint8, _ []int16) { addCodesRow(u, codes, other, &sum) })
				test("widenCodes", func(_, _, _ []float32, _ []uint8, w []int16) { widenCodes(w, codes) })
			}
		}
	})
}

func TestChannelKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(19, 20))
		for _, c := range []int{1, 3, 10, 16, 17, 32, 48, 64} {
			for _, rows := range []int{0, 1, 2, 3, 7, 16, 33} {
				ar := &arena{rng: rng, off: rng.IntN(8)}
				n := c * rows
				x, g, a, b, d, acc := ar.special(n), ar.special(n), ar.special(c), ar.special(c), ar.special(c), ar.ints(n)
				m, zeroPoint, lo := ar.multipliers(c), float32(rng.IntN(256)), float32(rng.IntN(256))
				hi := lo + float32(rng.IntN(256-int(lo)))
				test := func(name string, f func(y, s, q []float32, u []uint8)) {
					t.Helper()
					differ(t, ar, fmt.Sprintf("%s, %d rows of %d", name, rows, c), portable, n, c,
						func(y, s, q []float32, u []uint8, _ []int16) { f(y, s, q, u) })
				}
				test("affineRow", func(y, _, _ []float32, _ []uint8) { affineRow(y, x, a, b) })
				test("affine2Row", func(y, _, _ []float32, _ []uint8) { affine2Row(y, g, x, a, b, d) })
				test("momentsRow", func(_, s, q []float32, _ []uint8) { momentsRow(s, q, x, a) })
				test("gradSumsRow", func(_, s, q []float32, _ []uint8) { gradSumsRow(s, q, g, x, a) })
				test("scaleInts", func(y, _, _ []float32, _ []uint8) { scaleInts(y, acc, a) })
				test("requantizeRow", func(_, _, _ []float32, u []uint8) { requantizeRow(u, acc, m, zeroPoint, lo, hi) })
			}
		}
	})
}
