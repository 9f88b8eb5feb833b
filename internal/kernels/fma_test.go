package kernels

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds x*y + z once, by arbitrary precision.
func exactFMA(x, y, z float32) float32 {
	b := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	s := b(x)
	s.Mul(s, b(y))
	s.Add(s, b(z))
	v, _ := s.Float32()
	return v
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

func TestFMA(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	check := func(x, y, z float32) {
		if !finite(x) || !finite(y) || !finite(z) {
			return
		}
		got, want := fma32(x, y, z), exactFMA(x, y, z)
		if got != want { // the sign of an exact zero is tested against the CPU
			t.Fatalf("fma32(%g, %g, %g) = %g (%#08x), want %g (%#08x)", x, y, z, got, math.Float32bits(got), want, math.Float32bits(want))
		}
	}
	random := func() float32 { return math.Float32frombits(rng.Uint32()) }
	// near returns a float32 whose exponent is within a few of e.
	near := func(e int) float32 {
		return float32(math.Ldexp(1+float64(rng.Uint32()>>9)*0x1p-23, e+rng.IntN(5)-2)) * float32(1-2*rng.IntN(2))
	}
	for range 30000 {
		check(random(), random(), random())
		x, y := near(rng.IntN(60)-30), near(rng.IntN(60)-30)
		check(x, y, near(math.Ilogb(float64(x*y)))) // rounding
		check(x, y, near(math.Ilogb(float64(x*y))+25-rng.IntN(51)))
		check(x, y, -x*y)                                   // cancellation
		check(near(-70), near(-70), near(-145))             // subnormal results
		check(near(-63), near(-63+rng.IntN(8)), near(-126)) // at the border
		check(near(64), near(63), near(127))                // overflow
		// Ties but for a part below float64's last bit, on either side.
		z := 1 + float32(rng.Uint32()>>9)*0x1p-23
		d := float32(math.Ldexp(1, -15-rng.IntN(8)))
		check((1+d)*0x1p-12, (1-d)*0x1p-12, z)
		check((1+d)*0x1p-12, (d-1)*0x1p-12, z)
		check(1/z, z*0x1p-24, 1+float32(rng.IntN(4))*0x1p-23)
		check(z, 1.5, near(-60))
		check((1+d)*0x1p-75, (1-d)*0x1p-75, near(-130)) // subnormal ties
		check(1/z*0x1p-75, -z*0x1p-75, near(-130))
	}
	if got := fma32(1+0x1p-12, 0x1p-24*(1+0x1p-12), 1); got != 1+0x1p-23 {
		t.Errorf("above the tie: %b", got)
	}
	inf := float32(math.Inf(1))
	if got := fma32(inf, 2, -inf); got == got {
		t.Errorf("inf - inf = %g", got)
	}
	if got := fma32(inf, -2, 5); got != -inf {
		t.Errorf("-inf + 5 = %g", got)
	}
}
