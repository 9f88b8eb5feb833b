//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// from's scale is half of uniform's, so that its odd codes are ties in uniform.
var from = Uniform{Scale: 0.15, Qp: 255, ZeroPoint: 131}

func TestFusedKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(29, 30))
		branch := Uniform{Scale: 0.6, Qn: -128, Qp: 127, ZeroPoint: 128}
		to := Uniform{Scale: 0.3, Qp: 15}
		for _, c := range []int{1, 3, 16, 20, 32, 48, 64} {
			for _, pixels := range []int{0, 1, 2, 3, 7, 16, 33} {
				for round := range 4 {
					ar := &arena{rng: rng, off: rng.IntN(8)}
					n := c * pixels
					z, dy, stream := ar.special(n), ar.special(n), ar.codes(n)
					a, b, shift, p, q, r := ar.special(c), ar.special(c), ar.special(c), ar.special(c), ar.special(c), ar.special(c)
					if round%2 == 0 { // without NaN, which hides much
						copy(dy, normal(rng, n))
						for _, s := range [][]float32{a, b, shift, p, q, r} {
							copy(s, normal(rng, c))
						}
					}
					if round == 0 {
						copy(z, normal(rng, n))
					}
					for j := range a { // z's own edges and ties
						if rng.IntN(3) == 0 {
							a[j], b[j] = 1, 0
						}
					}
					uniform := uniform
					if round >= 2 {
						uniform = to
					}
					flat := uniform
					flat.Flat = true
					topped := uniform
					topped.Top = uniform.Qp - 1.3
					test := func(name string, f func(y, sum, dot []float32, ds, ds2 *[lanes]float32, u []uint8)) {
						t.Helper()
						differ(t, ar, fmt.Sprintf("%s, %d pixels of %d, round %d", name, pixels, c, round), portable, n, c+lanes,
							func(y, s, q []float32, u []uint8, _ []int16) {
								f(y, s[:c:c], q[:c:c], (*[lanes]float32)(s[c:]), (*[lanes]float32)(q[c:]), u)
							})
					}
					test("affineQuantizeRow", func(_, _, _ []float32, _, _ *[lanes]float32, u []uint8) {
						affineQuantizeRow(u, z, a, b, &uniform)
					})
					test("affineUniformSumsRow", func(_, sum, dot []float32, ds, _ *[lanes]float32, _ []uint8) {
						affineUniformSumsRow(sum, dot, ds, dy, z, a, b, shift, &uniform)
					})
					test("affineUniformSumsRow, flat", func(_, sum, dot []float32, ds, _ *[lanes]float32, _ []uint8) {
						affineUniformSumsRow(sum, dot, ds, dy, z, a, b, shift, &flat)
					})
					test("affineQuantizeRow, topped", func(_, _, _ []float32, _, _ *[lanes]float32, u []uint8) {
						affineQuantizeRow(u, z, a, b, &topped)
					})
					test("affineUniformSumsRow, topped", func(_, sum, dot []float32, ds, _ *[lanes]float32, _ []uint8) {
						affineUniformSumsRow(sum, dot, ds, dy, z, a, b, shift, &topped)
					})
					test("affineUniformGradRow, topped", func(y, _, _ []float32, _, _ *[lanes]float32, _ []uint8) {
						affineUniformGradRow(y, dy, z, a, b, p, q, r, &topped)
					})
					test("affineUniformGradRow", func(y, _, _ []float32, _, _ *[lanes]float32, _ []uint8) {
						affineUniformGradRow(y, dy, z, a, b, p, q, r, &uniform)
					})
					test("affineUniformGradRow in place", func(y, _, _ []float32, _, _ *[lanes]float32, _ []uint8) {
						copy(y, dy)
						affineUniformGradRow(y, y, z, a, b, p, q, r, &uniform)
					})
					test("residualQuantizeRow", func(_, _, _ []float32, _, _ *[lanes]float32, u []uint8) {
						residualQuantizeRow(u, z, a, b, stream, &branch, &from, &uniform)
					})
					test("residualQuantizeRow in place", func(_, _, _ []float32, _, _ *[lanes]float32, u []uint8) {
						copy(u, stream)
						residualQuantizeRow(u, z, a, b, u, &branch, &from, &uniform)
					})
					test("residualSumsRow", func(y, sum, dot []float32, ds, ds2 *[lanes]float32, _ []uint8) {
						residualSumsRow(y, sum, dot, ds, ds2, dy, z, a, b, shift, stream, &branch, &from, &uniform)
					})
					test("residualSumsRow in place", func(y, sum, dot []float32, ds, ds2 *[lanes]float32, _ []uint8) {
						copy(y, dy)
						residualSumsRow(y, sum, dot, ds, ds2, y, z, a, b, shift, stream, &branch, &from, &uniform)
					})
					test("residualSumsRow over z", func(y, sum, dot []float32, ds, ds2 *[lanes]float32, _ []uint8) {
						copy(y, z)
						residualSumsRow(y, sum, dot, ds, ds2, dy, y, a, b, shift, stream, &branch, &from, &uniform)
					})
				}
			}
		}
	})
}
