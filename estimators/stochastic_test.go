package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// Without a seed, stochastic rounding is LSQ.
func TestStochasticInEvaluation(t *testing.T) {
	scale := []float32{0.3}
	e := estimators.Stochastic{LSQ: estimators.LSQ{Range: estimators.Range{Bits: 3, Signed: true}}}
	estimatortest.Run(t, estimatortest.Case{
		Name: "signed 3", Estimator: e, Params: estimators.Params{scale}, Bits: 3, Idempotent: true,
		Grids: [][]float64{evenGrid(-4, 3, float64(scale[0]), 0)}, Gradient: lsqGradient(scale, -4, 3, 100),
	})
}

// With seeds, v is rounded to one of its two neighbours, up with the probability v - floor(v), and stays in the range.
func TestStochastic(t *testing.T) {
	const seeds = 4000
	e := estimators.Stochastic{LSQ: estimators.LSQ{Range: estimators.Range{Bits: 3, Signed: true}, N: 3}}
	x := []float32{-100, -1, -0.8, -0.3, 0, 0.1, 0.25, 0.6, 0.75, 9, float32(math.NaN())}
	p := estimators.Params{{0.25}}
	sum := make([]float64, len(x))
	codes, y := make([]int32, len(x)), floats(len(x))
	for seed := range uint64(seeds) {
		if err := e.Seeded(seed).(estimators.Integer).Quantize(codes, y, x, p); err != nil {
			t.Fatal(err)
		}
		for i, code := range codes[:len(x)-1] {
			v := clip(float64(x[i])/0.25, -4, 3)
			if math.Abs(float64(code)-v) >= 1 || y[i] != float32(code)/4 {
				t.Fatalf("v = %v became %d, y = %v", v, code, y[i])
			}
			sum[i] += float64(code)
		}
		if y[len(x)-1] == y[len(x)-1] || codes[len(x)-1] != 0 {
			t.Fatalf("NaN became %v, code %d", y[len(x)-1], codes[len(x)-1])
		}
	}
	for i := range x[:len(x)-1] {
		v := clip(float64(x[i])/0.25, -4, 3)
		if d := math.Abs(sum[i]/seeds - v); d > 5*0.5/math.Sqrt(seeds) {
			t.Errorf("mean of %v is off by %v", v, d)
		}
	}
}

// The backward pass is at the codes of the forward pass of the same seed: LSQ's formulas with those.
func TestStochasticGradient(t *testing.T) {
	e := estimators.Stochastic{LSQ: estimators.LSQ{Range: estimators.Range{Bits: 3, Signed: true}, N: 3}}.Seeded(5)
	x, dy := floats(200), floats(200)
	for i := range x {
		x[i], dy[i] = float32(math.Sin(float64(i))), float32(math.Cos(float64(i)*1.7))
	}
	p, ds := estimators.Params{{0.25}}, estimators.Params{{0}}
	codes, dx := make([]int32, len(x)), floats(len(x))
	if err := e.(estimators.Integer).Quantize(codes, nil, x, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(dx, ds, x, dy, p); err != nil {
		t.Fatal(err)
	}
	want := 0.0
	for i := range x {
		v := float64(x[i]) / 0.25
		inside := indicator(-4 <= v && v <= 3)
		want += float64(dy[i]) * (float64(codes[i]) - inside*v) / 3
		if float64(dx[i]) != float64(dy[i])*inside {
			t.Errorf("dx(%v) = %v for dy = %v", x[i], dx[i], dy[i])
		}
	}
	compareClose(t, "dscale", ds[0], []float64{want})

	again := make([]int32, len(x))
	for seed, same := range map[uint64]bool{5: true, 6: false} {
		if err := e.(estimators.Random).Seeded(seed).(estimators.Integer).Quantize(again, nil, x, p); err != nil {
			t.Fatal(err)
		}
		if slices.Equal(codes, again) != same {
			t.Errorf("seed %d: the codes of seed 5 again is %t, want %t", seed, !same, same)
		}
	}
}
