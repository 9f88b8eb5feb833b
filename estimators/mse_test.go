package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// squaredError is the error of the quantizer over a range, from the x themselves.
func squaredError(t *testing.T, r estimators.Range, symmetric bool, lo, hi float32, x []float32) (sum float64) {
	t.Helper()
	a, err := estimators.NewAffine(r, []float32{lo}, []float32{hi})
	if err != nil {
		t.Fatal(err)
	}
	if symmetric {
		a.Scale[0], a.ZeroPoint[0] = hi/float32(r.Qp()), 0
	}
	y := make([]float32, len(x))
	if err := a.Forward(y, x, nil); err != nil {
		t.Fatal(err)
	}
	for i := range x {
		sum += math.Pow(float64(x[i])-float64(y[i]), 2)
	}
	return sum
}

// No range of the grid has less error by more than what the bins lose.
func TestMSE(t *testing.T) {
	x := append(normals(2000, 11, 0.5, 1), 12, -7)
	relu := make([]float32, len(x))
	for i, v := range x {
		relu[i] = max(v, 0)
	}
	const steps = 30
	for _, r := range append(penaltyRanges, estimators.Range{Bits: 4}, estimators.Range{Bits: 8}) {
		for _, symmetric := range []bool{true, false} {
			if symmetric && !r.Signed {
				continue
			}
			t.Run(fmt.Sprintf("%+v, symmetric %v", r, symmetric), func(t *testing.T) {
				data := x
				if r.Bits == 3 {
					data = relu
				}
				s := estimators.CalibrationSpec{Range: r, Symmetric: symmetric, Options: estimators.Options{"steps": steps}}
				lo, hi := calibrate(t, observer(t, "mse", s), 1, data)
				got := squaredError(t, r, symmetric, lo[0], hi[0], data)
				least := math.Inf(1)
				for i := 0; i <= steps; i++ {
					for j := 0; j <= steps; j++ {
						l, h := float32(-7*float64(i)/steps), float32(12*float64(j)/steps)
						if r.Bits == 3 {
							l = 0
						}
						if symmetric {
							h = float32(12 * float64(i) / steps)
							l = -h
						}
						if i+j > 0 && h-l > 0 {
							least = min(least, squaredError(t, r, symmetric, l, h, data))
						}
					}
				}
				if got > least*1.002 {
					t.Errorf("[%v, %v] has the error %v; the least is %v", lo[0], hi[0], got, least)
				}
				if symmetric && lo[0] != -hi[0] {
					t.Errorf("[%v, %v] is not symmetric", lo[0], hi[0])
				}
				if r.Bits < 8 && hi[0] > 11 {
					t.Errorf("[%v, %v]: the outlier is inside", lo[0], hi[0])
				}
			})
		}
	}
}
