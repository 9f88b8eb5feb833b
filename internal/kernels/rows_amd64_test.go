//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/qat-go/qat/internal/random"
)

// signed is u as int8.
func signed(u []uint8) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(u))), len(u))
}

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
				topped := uniform
				topped.Top = 4.7
				test("quantizeRow, topped", func(_, _, _ []float32, u []uint8, _ []int16) { quantizeRow(u, x, &topped) })
				test("quantizeGradRow, topped", func(y, s, _ []float32, _ []uint8, _ []int16) {
					quantizeGradRow((*[lanes]float32)(s), y, x, g, &topped)
				})
				test("relu6Row", func(y, _, _ []float32, _ []uint8, _ []int16) { relu6Row(y, x) })
				six := slices.Clone(x)
				for i := range six {
					six[i] *= 4
				}
				copy(six, []float32{6, -0x1p-149, 0x1p-149, 5.9999995})
				test("relu6Row", func(y, _, _ []float32, _ []uint8, _ []int16) { relu6Row(y, six) })
				test("relu6GradRow", func(y, _, _ []float32, _ []uint8, _ []int16) { relu6GradRow(y, six, g) })
				draws := random.New(rng.Uint64())
				test("Dropout", func(y, _, _ []float32, _ []uint8, _ []int16) { Dropout(y, x, 1.25, 0.2, draws, 1000*off) })
				test("weightCodesRow", func(_, _, _ []float32, u []uint8, _ []int16) {
					weightCodesRow(signed(u), x, []float32{uniform.Scale}, -8, 7)
				})
				test("weightSlopesRow", func(y, _, _ []float32, _ []uint8, _ []int16) {
					slope := make([]float32, n)
					weightSlopesRow(y, slope, x, g, []float32{uniform.Scale}, -8, 7)
					for i, v := range slope {
						y[i] += v
					}
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
		for _, c := range []int{1, 3, 10, 16, 17, 32, 48, 64, 80, 112} {
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
				scales := ar.floats(c)
				for i := range scales {
					scales[i] = []float32{0.1, 0.3, 1e-30, 0.25}[i%4]
				}
				test("weightCodesRow", func(_, _, _ []float32, u []uint8) { weightCodesRow(signed(u), x, scales, -128, 127) })
				for _, which := range []int{0, 1} {
					test("weightSlopesRow", func(y, _, _ []float32, _ []uint8) {
						other := make([]float32, n)
						if which == 0 {
							weightSlopesRow(y, other, x, g, scales, -128, 127)
						} else {
							weightSlopesRow(other, y, x, g, scales, -128, 127)
						}
					})
				}
				totals, want := alloc(ar, c, 1.5), make([]float64, c)
				for i := range totals {
					totals[i] = rng.NormFloat64()
				}
				copy(want, totals)
				finite := normal(rng, n)
				channelTotalsRow(totals, finite)
				portable(func() { channelTotalsRow(want, finite) })
				if !slices.Equal(totals, want) {
					t.Fatalf("channelTotalsRow, %d rows of %d: %v, portable code gives %v", rows, c, totals, want)
				}
				test("scaleInts", func(y, _, _ []float32, _ []uint8) { scaleInts(y, acc, a) })
				test("requantizeRow", func(_, _, _ []float32, u []uint8) { requantizeRow(u, acc, m, zeroPoint, lo, hi) })
			}
		}
	})
}

func TestProductOnPaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(21, 22))
		for _, m := range []int{1, 2, 3, 7, 8, 9, 17, 259} {
			for _, k := range []int{1, 2, 5, 33} {
				for _, n := range []int{1, 10, 16, 23, 48} {
					ar := &arena{rng: rng, off: rng.IntN(8)}
					a, b, init := ar.special(m*k), ar.special(k*n), ar.special(n)
					what := fmt.Sprintf("%d, %d, %d", m, k, n)
					differ(t, ar, what, portable, m*n, 1, func(y, _, _ []float32, _ []uint8, _ []int16) {
						(&Product{Y: Matrix{y, n, 1}, A: Matrix{a, k, 1}, B: Matrix{b, n, 1}, M: m, K: k, N: n, Init: init}).Run(nil)
					})
					differ(t, ar, what+" turned", portable, m*n, 1, func(y, _, _ []float32, _ []uint8, _ []int16) {
						(&Product{Y: Matrix{y, 1, m}, A: Matrix{a, 1, m}, B: Matrix{b, 1, k}, M: m, K: k, N: n}).Run(nil)
					})
				}
			}
		}
	})
}
