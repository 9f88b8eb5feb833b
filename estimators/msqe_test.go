package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestMSQE(t *testing.T) {
	for _, r := range penaltyRanges {
		for _, scale := range [][]float32{{0.3}, {0.3, 0.05}} {
			w := normals(40, 19, 0.1, 0.7)
			target := levels(w, scale, r)
			e := regularizer(t, "msqe", estimators.Options{"lambda": 3})
			checkPenalty(t, e, w, scale, r, func(v []float64) (sum float64) {
				for i := range v {
					sum += (v[i] - target[i]) * (v[i] - target[i])
				}
				return 3 * sum / 40
			})
		}
	}
}
