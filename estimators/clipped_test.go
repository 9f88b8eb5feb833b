package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestClipped(t *testing.T) {
	testOptions(t, "clipped", estimators.Clipped{}, estimators.Clipped{}, nil)
	for v, want := range map[float64]float32{
		-8.001: 0, -8: -2.5, 0: -2.5, 6.9: -2.5, 7: -2.5, 7.001: 0, math.Inf(1): 0, math.Inf(-1): 0,
	} {
		if got := (estimators.Clipped{}).Grad(-2.5, float32(v), 0, -8, 7); got != want {
			t.Errorf("dv = %v at v = %v; want %v", got, v, want)
		}
	}
	if got := (estimators.Clipped{}).Grad(1, float32(math.NaN()), 0, -8, 7); got != 0 {
		t.Errorf("dv = %v at NaN; want 0", got)
	}
}
