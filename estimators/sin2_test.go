package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestSin2(t *testing.T) {
	for _, r := range penaltyRanges {
		for _, scale := range [][]float32{{0.3}, {0.3, 0.05}} {
			w := normals(40, 19, 0.1, 0.7)
			e := regularizer(t, "sin2", estimators.Options{"lambda": 3})
			checkPenalty(t, e, w, scale, r, func(v []float64) (sum float64) {
				for i := range v {
					sum += math.Pow(math.Sin(math.Pi*v[i]/float64(scale[i%len(scale)])), 2)
				}
				return 3 * sum / math.Exp2(float64(r.Bits))
			})
		}
	}
	// The paper's penalty: weights in [-1, 1] in steps of 1/(2^k - 1) have none at the levels.
	s, r := float32(1)/7, estimators.Range{Bits: 3, Signed: true}
	loss, err := estimators.Sin2{Lambda: 1}.Penalty(make([]float32, 3), []float32{-s, 0, 3 * s}, []float32{s}, r)
	if err != nil || loss > 1e-12 {
		t.Errorf("the penalty at levels is %v, %v", loss, err)
	}
}
