package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() {
	golden := func(ste func(goldenParams) estimators.STE) func(*testing.T, goldenCase, goldenParams) {
		return func(t *testing.T, c goldenCase, p goldenParams) {
			compareGolden(t, newMethod(t, "sign", binary(false, 1, ste(p))), c, nil)
		}
	}
	goldenMethods["sign_identity"] = golden(func(goldenParams) estimators.STE { return estimators.Identity{} })
	goldenMethods["sign_clipped"] = golden(func(goldenParams) estimators.STE { return estimators.Clipped{} })
	goldenMethods["sign_approx"] = golden(func(goldenParams) estimators.STE { return estimators.ApproxSign{} })
	goldenMethods["sign_swish"] = golden(func(p goldenParams) estimators.STE { return estimators.SwishSign{Beta: p.Beta} })
	goldenMethods["sign_ede"] = golden(func(p goldenParams) estimators.STE { return estimators.EDE{T: p.T} })
}

// elementwise is a gradient without parameters whose dx depends on one element.
func elementwise(slope func(v float64) float64) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx := make([]float64, len(x))
		for i := range x {
			dx[i] = dy[i] * slope(x[i])
		}
		return dx, nil
	}
}

func TestSign(t *testing.T) {
	cases := []estimatortest.Case{{
		Name: "without STE", Estimator: estimators.Sign{}, Bits: 1, Idempotent: true, Grids: unitGrids(1),
		Gradient: elementwise(func(v float64) float64 { return indicator(math.Abs(v) <= 1) }),
	}}
	for _, s := range surrogates() {
		for _, method := range []string{"sign", "bnn", "xnor", "bireal", "irnet"} {
			cases = append(cases, estimatortest.Case{
				Name: method + " with " + s.name, Estimator: newMethod(t, method, binary(false, 1, s.ste)), Bits: 1,
				Idempotent: true, Grids: unitGrids(1), Gradient: elementwise(s.derivative),
			})
		}
	}
	estimatortest.Run(t, cases...)
}

func TestSignAtZeroAndNaN(t *testing.T) {
	nan := float32(math.NaN())
	x := []float32{0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, nan}
	y, dx, codes := make([]float32, len(x)), make([]float32, len(x)), make([]int32, len(x))
	for _, s := range surrogates() {
		e := estimators.Sign{STE: s.ste}
		if err := e.Quantize(codes, y, x, nil); err != nil {
			t.Fatal(err)
		}
		if err := e.Backward(dx, nil, x, []float32{1, 1, 1, 1, 1}, nil); err != nil {
			t.Fatal(err)
		}
		for i, want := range []int32{1, 1, 1, -1, 1} {
			if codes[i] != want || i < 4 && y[i] != float32(want) {
				t.Errorf("x = %v: code %d, y %v; want %d", x[i], codes[i], y[i], want)
			}
		}
		if y[4] == y[4] || dx[4] != 0 {
			t.Errorf("%s: y(NaN) = %v, dx = %v; want NaN, 0", s.name, y[4], dx[4])
		}
	}
}
