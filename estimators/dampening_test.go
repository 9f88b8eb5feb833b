package estimators_test

import (
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestDampening(t *testing.T) {
	for _, r := range penaltyRanges {
		for _, scale := range [][]float32{{0.3}, {0.3, 0.05}} {
			w := normals(40, 19, 0.1, 0.7)
			target := levels(w, scale, r)
			e := regularizer(t, "dampening", estimators.Options{"lambda": 3})
			checkPenalty(t, e, w, scale, r, func(v []float64) (sum float64) {
				for i := range v {
					s := float64(scale[i%len(scale)])
					clipped := min(max(v[i], s*float64(r.Qn())), s*float64(r.Qp()))
					sum += (target[i] - clipped) * (target[i] - clipped)
				}
				return 3 * sum
			})
		}
	}
	// Weights beyond the range are left alone.
	dw := make([]float32, 3)
	r := estimators.Range{Bits: 2, Signed: true}
	loss, err := estimators.Dampening{Lambda: 1}.Penalty(dw, []float32{-2.1, 1.2, 0.25}, []float32{1}, r)
	if err != nil || loss != 0.0625 || !slices.Equal(dw, []float32{0, 0, 0.5}) {
		t.Errorf("penalty %v, dw %v, %v", loss, dw, err)
	}
}
