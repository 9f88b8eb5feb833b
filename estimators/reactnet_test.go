package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestRSign(t *testing.T) {
	var cases []estimatortest.Case
	for _, s := range surrogates() {
		for _, threshold := range [][]float32{{0.3}, {0, -0.7, 0.5}} {
			channels := len(threshold)
			cases = append(cases, estimatortest.Case{
				Name: s.name, Estimator: newMethod(t, "reactnet", binary(false, channels, s.ste)),
				Params: estimators.Params{threshold}, Bits: 1, Idempotent: true,
				Grids: unitGrids([]float64{1, 1, 1}[:channels]...),
				Gradient: func(x, dy []float64) ([]float64, [][]float64) {
					dx, dt := make([]float64, len(x)), make([]float64, channels)
					for i := range x {
						// In float32, as the definition's x - t is.
						v := float32(x[i]) - threshold[i%channels]
						dx[i] = dy[i] * s.derivative(float64(v))
						dt[i%channels] -= dx[i]
					}
					return dx, [][]float64{dt}
				},
			})
		}
	}
	estimatortest.Run(t, cases...)
}

func TestRSignAtTheThreshold(t *testing.T) {
	e := estimators.RSign{Scales: 2}
	nan := float32(math.NaN())
	x := []float32{0.5, -0.5, 0.49, -0.51, 0.51, -0.49, nan, nan}
	codes, y := make([]int32, len(x)), make([]float32, len(x))
	p := estimators.Params{{0.5, -0.5}}
	if err := e.Quantize(codes, y, x, p); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int32{1, 1, -1, -1, 1, 1, -1, 1} { // NaN as 0
		if codes[i] != want || i < 6 && y[i] != float32(want) || i >= 6 && y[i] == y[i] {
			t.Errorf("x = %v: code %d, y %v; want %d", x[i], codes[i], y[i], want)
		}
	}
	dx, dt := make([]float32, len(x)), estimators.Params{{0, 0}}
	if err := e.Backward(dx, dt, x, []float32{1, 1, 1, 1, 1, 1, 1, 1}, p); err != nil {
		t.Fatal(err)
	}
	if dx[6] != 0 || dx[7] != 0 || dt[0][0] != -3 || dt[0][1] != -3 {
		t.Errorf("dx %v, dt %v; want 0 at NaN, -3", dx, dt)
	}
}

func TestRSignErrors(t *testing.T) {
	e := estimators.RSign{Scales: 2}
	x, y := make([]float32, 4), make([]float32, 4)
	for _, p := range []estimators.Params{
		nil, {{0}}, {{0, float32(math.NaN())}}, {{float32(math.Inf(1)), 0}}, {{0, 0}, {0, 0}},
	} {
		if e.Forward(y, x, p) == nil || e.Backward(y, p, x, x, p) == nil {
			t.Errorf("no error for the parameters %v", p)
		}
	}
	p := estimators.Params{{3, 4}}
	if err := e.Init(p, x); err != nil || p[0][0] != 0 || p[0][1] != 0 {
		t.Errorf("Init: %v, %v; want 0", p, err)
	}
	if e.Init(estimators.Params{{0}}, x) == nil {
		t.Error("no error from Init of 1 threshold for 2 channels")
	}
}
