package kernels

import "math"

// fma32 returns x*y + z with one rounding, as VFMADD231PS does.
func fma32(x, y, z float32) float32 {
	if s := float64(x)*float64(y) + float64(z); roundsOnce(s) {
		return float32(s)
	}
	return fmaSlow(x, y, z)
}

// fma16 computes acc[l] = fma32(x, w[l], acc[l]).
func fma16(acc *[lanes]float32, x float32, w *[lanes]float32) {
	for l, v := range w {
		if s := float64(x)*float64(v) + float64(acc[l]); roundsOnce(s) {
			acc[l] = float32(s)
		} else {
			acc[l] = fmaSlow(x, v, acc[l])
		}
	}
}

// roundsOnce reports whether rounding s, the float64 sum of a float32 and a
// product of float32, to float32 gives the sum rounded once. The product is
// exact in float64, so only the second rounding can do harm: where s lies
// halfway between two float32, the error of the first rounding decides.
// Subnormal results are left out because they have other halfway points.
func roundsOnce(s float64) bool {
	const leastNormal = (1023 - 125) << 52 // bits of 2^-125, above all subnormal float32
	b := math.Float64bits(s)
	return b&(1<<29-1) != 1<<28 && b<<1 >= leastNormal<<1
}

// fmaSlow rounds the sum to odd in float64, which makes the rounding to float32
// exact (Boldo and Melquiond 2008, https://doi.org/10.1109/TC.2007.70819).
func fmaSlow(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s)
	}
	// Error of the sum: Knuth's TwoSum.
	cc := s - p
	e := (p - (s - cc)) + (c - cc)
	if b := math.Float64bits(s); e != 0 && b&1 == 0 {
		if (e > 0) == (s > 0) {
			b++
		} else {
			b--
		}
		s = math.Float64frombits(b)
	}
	return float32(s)
}
