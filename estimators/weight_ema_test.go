package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// The average is the weighted mean of all weights so far.
func TestWeightEMA(t *testing.T) {
	for _, d := range []float64{0, 0.5, 0.999, 1} {
		e := estimators.WeightEMA{Decay: d}
		average := []float32{float32(math.NaN())}
		w := normals(200, 41, 3, 1)
		for step := range w {
			if err := e.Update(average, w[step:step+1], step); err != nil {
				t.Fatal(err)
			}
			sum, weights := 0.0, 0.0
			for i := range step + 1 {
				f := math.Pow(d, float64(step-i))
				sum += f * float64(w[i])
				weights += f
			}
			if want := sum / weights; math.Abs(float64(average[0])-want) > 1e-5 {
				t.Fatalf("decay %v, step %d: %v, want %v", d, step, average[0], want)
			}
		}
	}
	average := []float32{0, 0}
	for name, err := range map[string]error{
		"decay":  estimators.WeightEMA{Decay: 1.1}.Update(average, average, 0),
		"length": estimators.WeightEMA{Decay: 0.9}.Update(average, average[:1], 0),
		"step":   estimators.WeightEMA{Decay: 0.9}.Update(average, average, -1),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
