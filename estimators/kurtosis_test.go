package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestKurtosis(t *testing.T) {
	for _, target := range []float64{1.8, 4} {
		w := append(normals(30, 23, 0.2, 0.5), 3)
		o := estimators.Options{"lambda": 2, "target": target}
		checkPenalty(t, regularizer(t, "kurtosis", o), w, nil, estimators.Range{}, func(v []float64) float64 {
			n := float64(len(v))
			mean, second, fourth := 0.0, 0.0, 0.0
			for _, x := range v {
				mean += x / n
			}
			for _, x := range v {
				second += math.Pow(x-mean, 2) / n
				fourth += math.Pow(x-mean, 4) / n
			}
			return 2 * math.Pow(fourth/(second*second)-target, 2)
		})
	}
	// An even distribution has the kurtosis 1.8; equal weights have none.
	even := make([]float32, 1001)
	for i := range even {
		even[i] = float32(i) / 1000
	}
	k := estimators.Kurtosis{Lambda: 1, Target: 1.8}
	if loss, err := k.Penalty(make([]float32, 1001), even, nil, estimators.Range{}); err != nil || loss > 1e-10 {
		t.Errorf("even weights: %v, %v", loss, err)
	}
	dw := make([]float32, 2)
	if loss, err := k.Penalty(dw, []float32{3, 3}, nil, estimators.Range{}); err != nil || loss != 0 || dw[0] != 0 {
		t.Errorf("equal weights: %v, %v, %v", loss, dw, err)
	}
	k.Target = 0.5
	if _, err := k.Penalty(dw, []float32{3, 4}, nil, estimators.Range{}); err == nil {
		t.Error("a kurtosis below 1: no error")
	}
}
