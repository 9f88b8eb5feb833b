package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// The loops without branches against the definitions, at every edge: sign(0) and
// sign(-0) are 1, a NaN of either sign has the code of 0 and no gradient, the
// clipped gradient ends after 1 and the polynomial before it.
func TestSignEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	negativeZero, negativeNaN := float32(math.Copysign(0, -1)), math.Float32frombits(0xffc00001)
	above := math.Nextafter32(1, 2)
	x := []float32{0, negativeZero, 0x1p-149, -0x1p-149, 0.5, -0.5, 1, -1, above, -above, 3, -3, inf, -inf, nan, negativeNaN}
	code := []int32{1, 1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, 1}
	clipped := []float32{1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	approx := []float32{2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, g := range []float32{3, -0.25} {
		for name, want := range map[string][]float32{"clipped": clipped, "approx_sign": approx} {
			kind, err := estimators.STENamed(name)
			if err != nil {
				t.Fatal(err)
			}
			ste, err := kind.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			dy, dx, codes := make([]float32, len(x)), make([]float32, len(x)), make([]int32, len(x))
			for i := range dy {
				dy[i] = g
			}
			s := estimators.Sign{STE: ste}
			if err := s.Quantize(codes, nil, x, nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Backward(dx, nil, x, dy, nil); err != nil {
				t.Fatal(err)
			}
			for i, v := range x {
				if codes[i] != code[i] || dx[i] != g*want[i] || ste.Grad(g, v, float32(code[i]), -1, 1) != g*want[i] {
					t.Errorf("%s at %v: code %d, gradient %v; want %d and %v", name, v, codes[i], dx[i], code[i], g*want[i])
				}
			}
		}
	}
}
