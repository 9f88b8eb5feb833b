package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestBNN(t *testing.T) {
	estimatortest.Run(t, estimatortest.Case{
		Name: "weights", Estimator: newMethod(t, "bnn", binary(true, 1, nil)), Bits: 1, Idempotent: true, Grids: unitGrids(1),
		Gradient: elementwise(func(v float64) float64 { return indicator(math.Abs(v) <= 1) }),
	})
}

func TestClipWeights(t *testing.T) {
	for _, method := range []string{"bnn", "binary_connect"} {
		clipper, ok := newMethod(t, method, binary(true, 1, nil)).(estimators.WeightClipper)
		if !ok {
			t.Errorf("%s is no WeightClipper", method)
			continue
		}
		inf := float32(math.Inf(1))
		w := []float32{-inf, -1.5, -1, -0.3, 0, 0.7, 1, 1.0001, inf, float32(math.NaN())}
		clipper.ClipWeights(w)
		for i, want := range []float32{-1, -1, -1, -0.3, 0, 0.7, 1, 1, 1} {
			if w[i] != want {
				t.Errorf("%s: weight %d is %v; want %v", method, i, w[i], want)
			}
		}
		if w[9] == w[9] {
			t.Errorf("%s: NaN becomes %v", method, w[9])
		}
	}
	if _, ok := newMethod(t, "bnn", binary(false, 1, nil)).(estimators.WeightClipper); ok {
		t.Error("bnn on activations is a WeightClipper")
	}
}
