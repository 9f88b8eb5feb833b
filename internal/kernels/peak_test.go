package kernels

import (
	"math"
	"testing"
)

// Peaks are positive, more memory is not faster, and a step's least time is that of its products or of its bytes.
func TestPeaks(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	k := MeasurePeaks(p, make([]float32, leastMemory))
	if !(k.GFLOPS > 0.01 && k.GOPS > 0.01) || math.IsInf(k.GFLOPS+k.GOPS, 0) {
		t.Errorf("%+v", k)
	}
	small, large := k.Memory(leastMemory), k.Memory(1e12)
	if !(large > 0) || small < large || math.IsInf(small, 0) || !math.IsInf(k.Memory(leastMemory-1), 1) {
		t.Errorf("%g GB/s of little memory, %g of much", small, large)
	}
	k = Peaks{GFLOPS: 4, GOPS: 8, rates: []float64{3, 2}}
	if got := k.Compute(2e9, 4e9); got != 2 {
		t.Errorf("%g s of products, want 2", got)
	}
	for bytes, want := range map[float64]float64{leastMemory - 1: 0, leastMemory: leastMemory / 3e9, 4*leastMemory - 1: (4*leastMemory - 1) / 3e9, 4e9: 2} {
		if got := k.Moving(bytes); math.Abs(got-want) > 1e-12 {
			t.Errorf("%g s for %g bytes, want %g", got, bytes, want)
		}
	}
}

// Winograd's filtering takes 16 products where direct sums take 36, or 36 for 144.
func TestProducts(t *testing.T) {
	defer func(saved path) { level = saved }(level)
	level = generic // which sums codes as they are
	for _, tt := range []struct {
		g             Conv
		floats, codes float64
	}{
		{Conv{N: 2, H: 8, W: 6, Cin: 16, Cout: 32}.Square(3, 1, 1), 2 * 48 * 16 * 32 * 4, 2 * 48 * 16 * 32 * 9},
		{Conv{N: 1, H: 8, W: 6, Cin: 16, Cout: 32}.Square(3, 2, 1), 12 * 16 * 32 * 9, 12 * 16 * 32 * 9},
		{Conv{N: 1, H: 8, W: 6, Cin: 3, Cout: 16}.Square(3, 1, 1), 48 * 3 * 16 * 9, 48 * 3 * 16 * 9},
		{Conv{N: 1, H: 12, W: 16, Cin: 64, Cout: 80}.Square(3, 1, 1), 192 * 64 * 80 * 36 / 16, 192 * 64 * 80 * 9},
		{Conv{N: 1, H: 11, W: 16, Cin: 64, Cout: 80}.Square(3, 1, 1), 176 * 64 * 80 * 4, 176 * 64 * 80 * 9},
		{Conv{N: 1, H: 12, W: 16, Cin: 48, Cout: 80}.Square(3, 1, 1), 192 * 48 * 80 * 4, 192 * 48 * 80 * 9},
	} {
		if got := tt.g.Products(); got != tt.floats {
			t.Errorf("%+v: %g products of floats, want %g", tt.g, got, tt.floats)
		}
		if got := tt.g.CodeProducts(); got != tt.codes {
			t.Errorf("%+v: %g products of codes, want %g", tt.g, got, tt.codes)
		}
	}
}
