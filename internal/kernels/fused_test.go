package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Each fused pass must equal its parts, bit for bit.
func TestFusedPassesEqualTheirParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, c := range []int{1, 3, 16, 20, 32, 64} {
		const pixels = 37
		n := pixels * c
		z, dy, shift := normal(rng, n), normal(rng, n), normal(rng, c)
		a, b, p, q, r := normal(rng, c), normal(rng, c), normal(rng, c), normal(rng, c), normal(rng, c)
		stream := make([]uint8, n)
		for i := range stream {
			stream[i] = uint8(rng.UintN(256))
		}
		branch := Step{Scale: 0.02, Qn: -128, Qp: 127, ZeroPoint: 128}
		from := Step{Scale: 0.013, Qp: 255}
		to := Step{Scale: 0.3, Qp: 15}
		y, dx, codes, want := make([]float32, n), make([]float32, n), make([]uint8, n), make([]uint8, n)
		same := func(what string, got, want []float32) {
			t.Helper()
			for i, v := range got {
				if math.Float32bits(v) != math.Float32bits(want[i]) {
					t.Fatalf("%d channels: %s[%d] is %g, its parts give %g", c, what, i, v, want[i])
				}
			}
		}
		sameCodes := func(what string) {
			t.Helper()
			for i, v := range codes {
				if v != want[i] {
					t.Fatalf("%d channels: %s[%d] is %d, its parts give %d", c, what, i, v, want[i])
				}
			}
		}

		AffineQuantizeRow(codes, z, a, b, &to)
		affineRow(y, z, a, b)
		quantizeRow(want, y, &to)
		sameCodes("affine and quantize")

		sum, dot, sum2, dot2 := make([]float32, c), make([]float32, c), make([]float32, c), make([]float32, c)
		var ds, ds2, dsb, dsb2 [lanes]float32
		affineStepSumsRow(sum, dot, &ds, dy, z, a, b, shift, &to)
		quantizeGradRow(&ds2, dx, y, dy, &to)
		gradSumsRow(sum2, dot2, dx, z, shift)
		same("sum", sum, sum2)
		same("dot", dot, dot2)
		same("ds", ds[:], ds2[:])

		dz, dz2 := make([]float32, n), make([]float32, n)
		AffineStepGradRow(dz, dy, z, a, b, p, q, r, &to)
		affine2Row(dz2, dx, z, p, q, r)
		same("dz", dz, dz2)

		ResidualQuantizeRow(codes, z, a, b, stream, &branch, &from, &to)
		norm, x := y, make([]float32, n)
		quantizeRow(want, norm, &branch)
		dequantizeRow(x, want, branch.ZeroPoint, branch.Scale)
		dequantizeRow(dx, stream, from.ZeroPoint, from.Scale)
		addRow(x, x, dx)
		quantizeRow(want, x, &to)
		sameCodes("residual and quantize")

		clear(sum)
		clear(dot)
		clear(sum2)
		clear(dot2)
		ds, ds2 = [lanes]float32{}, [lanes]float32{}
		residualSumsRow(dz, sum, dot, &ds, &dsb, dy, z, a, b, shift, stream, &branch, &from, &to)
		quantizeGradRow(&ds2, dz2, x, dy, &to)
		same("residual dx", dz, dz2)
		same("residual ds", ds[:], ds2[:])
		quantizeGradRow(&dsb2, dx, norm, dz2, &branch)
		same("branch ds", dsb[:], dsb2[:])
		gradSumsRow(sum2, dot2, dx, z, shift)
		same("residual sum", sum, sum2)
		same("residual dot", dot, dot2)

		RequantizeCodesRow(codes, stream, &from, &to)
		dequantizeRow(x, stream, from.ZeroPoint, from.Scale)
		quantizeRow(want, x, &to)
		sameCodes("requantize")
		ds, ds2 = [lanes]float32{}, [lanes]float32{}
		requantizeGradRow(&ds, dz, stream, dy, &from, &to)
		quantizeGradRow(&ds2, dz2, x, dy, &to)
		same("requantize dx", dz, dz2)
		same("requantize ds", ds[:], ds2[:])
	}
}
