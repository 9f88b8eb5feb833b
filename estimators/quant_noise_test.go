package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// maxAbsCase is the suite's case of a quantizer whose scale is max|x|/Qp and whose gradient is dy.
func maxAbsCase(e estimators.Integer, bits, channels int) estimatortest.Case {
	grids := func(ends []float64) (grids [][]float64) {
		for _, end := range ends {
			grids = append(grids, evenGrid(-e.Qp(), e.Qp(), end/float64(e.Qp()), 0))
		}
		return grids
	}
	c := estimatortest.Case{
		Name: fmt.Sprint(bits, channels), Estimator: e, Bits: bits,
		GridsOf: func(x []float64) [][]float64 {
			ends := make([]float64, channels)
			for i, v := range x {
				ends[i%channels] = max(ends[i%channels], math.Abs(v))
			}
			return grids(ends)
		},
		Gradient: func(_, dy []float64) ([]float64, [][]float64) { return dy, nil },
	}
	for ch := range channels {
		c.Grids = append(c.Grids, grids([]float64{float64(ch) + 0.5})...)
	}
	return c
}

func TestQuantNoiseInEvaluation(t *testing.T) {
	var cases []estimatortest.Case
	for _, bits := range []int{2, 4, 8} {
		for _, channels := range []int{1, 3} {
			e, err := estimators.NewQuantNoise(estimators.Range{Bits: bits, Signed: true, Narrow: true}, channels, 0.3)
			if err != nil {
				t.Fatal(err)
			}
			cases = append(cases, maxAbsCase(e, bits, channels))
		}
	}
	estimatortest.Run(t, cases...)
}

// In training, the share of weights that is quantized is that of the option; the others are unchanged.
func TestQuantNoise(t *testing.T) {
	const n = 20000
	x, y, rounded, dx := floats(n), floats(n), floats(n), floats(n)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	for _, share := range []float64{0, 0.3, 1} {
		e := newMethod(t, "quant_noise", estimators.Spec{
			Range: estimators.Range{Bits: 3, Signed: true, Narrow: true}, Weights: true, Options: estimators.Options{"share": share},
		})
		if err := e.Forward(rounded, x, nil); err != nil {
			t.Fatal(err)
		}
		noisy := e.(estimators.Random).Seeded(3)
		if err := noisy.Forward(y, x, nil); err != nil {
			t.Fatal(err)
		}
		if err := noisy.Backward(dx, nil, x, rounded, nil); err != nil {
			t.Fatal(err)
		}
		quantized := 0
		for i := range y {
			switch y[i] {
			case rounded[i]:
				quantized++
			case x[i]:
			default:
				t.Fatalf("x = %v became %v; want it unchanged, or %v", x[i], y[i], rounded[i])
			}
			if dx[i] != rounded[i] {
				t.Fatalf("dx = %v for dy = %v", dx[i], rounded[i])
			}
		}
		if d := math.Abs(float64(quantized)/n - share); d > 5*0.5/math.Sqrt(n) {
			t.Errorf("share %v: %d of %d are quantized", share, quantized, n)
		}
	}
	r := estimators.Range{Bits: 3, Signed: true}
	e, err := estimators.NewQuantNoise(r, 1, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Forward(y[:2], []float32{-3, 1}, nil); err != nil || y[0] != -3 || y[1] != 1 {
		t.Errorf("-3 and 1 became %v, %v; both are levels", y[:2], err)
	}
	for name, err := range map[string]error{
		"share 2":        second(estimators.NewQuantNoise(r, 1, 2)),
		"NaN":            second(estimators.NewQuantNoise(r, 1, float32(math.NaN()))),
		"unsigned":       second(estimators.NewQuantNoise(estimators.Range{Bits: 3}, 1, 0.5)),
		"1 bit":          second(estimators.NewQuantNoise(estimators.Range{Bits: 1, Signed: true}, 1, 0.5)),
		"additive 1 bit": second(estimators.NewAdditiveNoise(estimators.Range{Bits: 1, Signed: true}, 1)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
