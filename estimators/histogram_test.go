package estimators

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Every x is counted once, in a bin with a middle near it, and bins are ascending.
func TestLogHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		x := float32(rng.NormFloat64() * math.Exp2(float64(rng.IntN(240)-125)))
		var h logHistogram
		h.add(x)
		b := h.bins()
		if len(b) != 1 || b[0].count != 1 || math.Abs(b[0].x-float64(x)) > math.Abs(float64(x))*0x1p-12+0x1p-137 ||
			h.lo != x || h.hi != x {
			t.Fatalf("x = %v: bins %v, range [%v, %v]", x, b, h.lo, h.hi)
		}
	}
	var h logHistogram
	x := []float32{0, -1, 1, 1.0001, 2, -2, 1e-45, -1e-45, math.MaxFloat32, -math.MaxFloat32, 0}
	for _, v := range x {
		h.add(v)
	}
	total := 0.0
	b := h.bins()
	for i := range b {
		total += b[i].count
		if i > 0 && b[i].x <= b[i-1].x {
			t.Errorf("bin %d at %v comes after %v", i, b[i].x, b[i-1].x)
		}
	}
	if len(b) != 9 || total != float64(len(x)) || h.n != uint64(len(x)) {
		t.Errorf("%d bins of %v numbers; want 9 of %d", len(b), total, len(x))
	}
}
