package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// The projection is the x with the least 1/2*(x-w)^2 + lambda*s*|x-w'|, found on a fine grid between w and w'.
func TestProxQuant(t *testing.T) {
	for _, r := range append(penaltyRanges, estimators.Range{Bits: 1}) {
		for _, lambda := range []float64{0, 0.1, 0.3, 2} {
			scale := []float32{0.5, 0.25}
			before := normals(60, 29, 0.1, 0.7)
			w := append([]float32(nil), before...)
			if err := projector(t, "prox_quant", estimators.Options{"lambda": lambda}).Project(w, nil, scale, r, 0); err != nil {
				t.Fatal(err)
			}
			nearest := levels(before, scale, r)
			for i, v := range before {
				s := float64(scale[i%2])
				target := nearest[i]
				if r.Bits == 1 {
					target = math.Copysign(s, float64(v))
				}
				best, least := 0.0, math.Inf(1)
				for j := range 2001 {
					x := float64(v) + (target-float64(v))*float64(j)/2000
					if f := math.Pow(x-float64(v), 2)/2 + lambda*s*math.Abs(x-target); f < least {
						best, least = x, f
					}
				}
				if math.Abs(float64(w[i])-best) > 2e-3 {
					t.Errorf("%+v, lambda %v: %v goes to %v, want %v", r, lambda, v, w[i], best)
				}
			}
		}
	}
}

// Bai et al. 2019, section 3.1: the binary prox pulls |w| to 1 by lambda, and not beyond.
func TestProxQuantBinary(t *testing.T) {
	scale, binary := []float32{1}, estimators.Range{Bits: 1}
	for _, tt := range []struct{ w, want float32 }{
		{0.5, 0.75}, {-0.5, -0.75}, {0.9, 1}, {1.5, 1.25}, {-3, -2.75}, {0, 0.25}, {1, 1},
		{float32(math.Inf(1)), float32(math.Inf(1))},
	} {
		w := []float32{tt.w}
		q := estimators.ProxQuant{Lambda: 0.25}
		if err := q.Project(w, nil, scale, binary, 9); err != nil || w[0] != tt.want {
			t.Errorf("%v goes to %v, %v; want %v", tt.w, w[0], err, tt.want)
		}
	}
	w := []float32{float32(math.NaN()), 0.5}
	q := estimators.ProxQuant{Lambda: 1}
	if err := q.Project(w, nil, scale, binary, 0); err != nil || w[0] == w[0] || w[1] != 1 {
		t.Errorf("beside NaN: %v, %v", w, err)
	}
	q.Lambda = -1
	if q.Project(w, nil, scale, binary, 0) == nil {
		t.Error("lambda -1: no error")
	}
}
