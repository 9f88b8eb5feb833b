package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
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
		branch := Uniform{Scale: 0.02, Qn: -128, Qp: 127, ZeroPoint: 128}
		from := Uniform{Scale: 0.013, Qp: 255}
		to := Uniform{Scale: 0.3, Qp: 15}
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
		affineUniformSumsRow(sum, dot, &ds, dy, z, a, b, shift, &to)
		quantizeGradRow(&ds2, dx, y, dy, &to)
		gradSumsRow(sum2, dot2, dx, z, shift)
		same("sum", sum, sum2)
		same("dot", dot, dot2)
		same("ds", ds[:], ds2[:])

		dz, dz2 := make([]float32, n), make([]float32, n)
		AffineUniformGradRow(dz, dy, z, a, b, p, q, r, &to)
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

		var m CodeMap
		m.Set(from, to)
		m.Row(codes, stream)
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

// roundedSums are results of onnxruntime 1.30's QLinearAdd (x86, AVX2), found by
// trying scales, that other orders of the same sum do not give: the terms
// swapped, two products rounded, or the zero points' products rounded apart.
var roundedSums = []struct {
	sum        CodeSum
	a, b, want uint8
}{
	{CodeSum{RatioA: 1.0192307, RatioB: 0.84615386, ZeroA: 168, ZeroB: 113, ZeroPoint: 224, Hi: 255}, 14, 227, 163},
	{CodeSum{RatioA: 0.13129973, RatioB: 0.6710875, ZeroA: 238, ZeroB: 251, ZeroPoint: 69, Hi: 255}, 183, 188, 19},
	{CodeSum{RatioA: 4.08498, RatioB: 2.618577, ZeroA: 109, ZeroB: 45, ZeroPoint: 38, Hi: 255}, 7, 194, 11},
	{CodeSum{RatioA: 2.7894738, RatioB: 0.43585527, ZeroA: 118, ZeroB: 42, ZeroPoint: 140, Hi: 255}, 38, 250, 7},
	{CodeSum{RatioA: 0.45833334, RatioB: 3.7321427, ZeroA: 240, ZeroB: 135, ZeroPoint: 58, Hi: 255}, 6, 177, 107},
	{CodeSum{RatioA: 0.175, RatioB: 0.10000001, ZeroA: 112, ZeroB: 219, ZeroPoint: 45, Hi: 255}, 0, 0, 4},
}

// fmaExact is x*y + z, rounded once to 24 bits.
func fmaExact(x, y, z float32) float32 {
	product := new(big.Float).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y))) // 53 bits hold it
	sum, _ := new(big.Float).SetPrec(24).Add(product, big.NewFloat(float64(z))).Float32()
	return sum
}

// Every pair of codes, against the definition.
func TestAddCodes(t *testing.T) {
	pairs := 1 << 16
	a, b, codes := make([]uint8, pairs), make([]uint8, pairs), make([]uint8, pairs)
	for i := range pairs {
		a[i], b[i] = uint8(i>>8), uint8(i)
	}
	for _, q := range []CodeSum{
		{RatioA: 0.5, RatioB: 0.25, Hi: 255},
		{RatioA: 0.5, RatioB: 1, ZeroA: 100, ZeroB: 7, ZeroPoint: 128, Lo: 120, Hi: 135},
		{RatioA: 0.7, RatioB: 1.3, ZeroA: 8, ZeroB: 128, ZeroPoint: 3, Lo: 5, Hi: 15},
		{RatioA: 0.1, RatioB: 0.3, ZeroA: 255, ZeroB: 255, ZeroPoint: 200, Hi: 199},
		{RatioA: 1e30, RatioB: 1e30, ZeroA: 128, ZeroB: 127, ZeroPoint: 255, Hi: 255},
		{RatioA: 1e10, RatioB: 1e-45, ZeroA: 1, Hi: 255},
		{RatioB: 0x1p-126, Lo: 9, Hi: 9},
	} {
		AddCodesRow(codes, a, b, &q)
		for i, got := range codes {
			offset := float32(q.ZeroPoint) - fmaExact(q.RatioA, float32(q.ZeroA), float32(q.RatioB*float32(q.ZeroB)))
			v := math.RoundToEven(float64(fmaExact(float32(a[i]), q.RatioA, fmaExact(float32(b[i]), q.RatioB, offset))))
			if want := uint8(math.Min(math.Max(v, float64(q.Lo)), float64(q.Hi))); got != want {
				t.Fatalf("%+v: the sum of codes %d and %d is %d, want %d", q, a[i], b[i], got, want)
			}
		}
	}
	// By hand: 3*0.5 - 1 + 5 and 5*0.5 - 1 + 5, halves to even after the zero point;
	// 1*0.5 - 5 + 5; clamped.
	got := make([]uint8, 4)
	AddCodesRow(got, []uint8{3, 5, 1, 9}, []uint8{9, 9, 5, 15}, &CodeSum{RatioA: 0.5, RatioB: 1, ZeroB: 10, ZeroPoint: 5, Lo: 1, Hi: 9})
	if want := []uint8{6, 6, 1, 9}; !slices.Equal(got, want) {
		t.Errorf("sums %v, want %v", got, want)
	}
	// Cases found by trying scales, in which other orders and roundings of the
	// zero points' products give another code.
	for _, c := range roundedSums {
		AddCodesRow(got[:1], []uint8{c.a}, []uint8{c.b}, &c.sum)
		if got[0] != c.want {
			t.Errorf("%+v: the sum of codes %d and %d is %d, want %d", c.sum, c.a, c.b, got[0], c.want)
		}
	}
}
