package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestIdentity(t *testing.T) {
	testOptions(t, "identity", estimators.Identity{}, estimators.Identity{}, nil)
	for _, v := range []float64{-1e30, -8.5, -8, 0.3, 7, 7.5, math.Inf(1)} {
		if got := (estimators.Identity{}).Grad(-2.5, float32(v), 0, -8, 7); got != -2.5 {
			t.Errorf("dv = %v at v = %v; want -2.5", got, v)
		}
	}
}
