package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestAdditiveNoiseInEvaluation(t *testing.T) {
	var cases []estimatortest.Case
	for _, bits := range []int{2, 4, 8} {
		for _, channels := range []int{1, 3} {
			e, err := estimators.NewAdditiveNoise(estimators.Range{Bits: bits, Signed: true, Narrow: true}, channels)
			if err != nil {
				t.Fatal(err)
			}
			cases = append(cases, maxAbsCase(e, bits, channels))
		}
	}
	estimatortest.Run(t, cases...)
}

// The noise is uniform over one scale, of each channel: mean 0, variance scale^2/12, at most half a scale.
func TestAdditiveNoise(t *testing.T) {
	const n = 40000
	x, y, again := floats(n), floats(n), floats(n)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
		if i%2 == 1 {
			x[i] *= 10
		}
	}
	e := newMethod(t, "additive_noise", estimators.Spec{Range: estimators.Range{Bits: 4, Signed: true, Narrow: true}, Weights: true, Scales: 2})
	noisy := e.(estimators.Random).Seeded(3)
	if err := noisy.Forward(y, x, nil); err != nil {
		t.Fatal(err)
	}
	var sum, squares [2]float64
	for i := range y {
		scale := []float64{1.0 / 7, 10.0 / 7}[i%2]
		d := (float64(y[i]) - float64(x[i])) / scale
		if math.Abs(d) > 0.5001 {
			t.Fatalf("x = %v became %v, %v steps away", x[i], y[i], d)
		}
		sum[i%2] += d
		squares[i%2] += d * d
	}
	for c := range sum {
		if mean, variance := sum[c]/(n/2), squares[c]/(n/2); math.Abs(mean) > 5*0.29/math.Sqrt(n/2) || math.Abs(variance-1.0/12) > 5*0.08/math.Sqrt(n/2) {
			t.Errorf("channel %d: mean %v, variance %v steps; want 0 and 1/12", c, mean, variance)
		}
	}
	for seed, same := range map[uint64]bool{3: true, 4: false} {
		if err := e.(estimators.Random).Seeded(seed).Forward(again, x, nil); err != nil || slices.Equal(again, y) != same {
			t.Errorf("seed %d: the outputs of seed 3 again is %t, %v", seed, !same, err)
		}
	}
	if noisy.Forward(nil, x, nil) == nil || noisy.Forward(y, x[:3], nil) == nil {
		t.Error("a short y or a part of the channels: no error")
	}
}
