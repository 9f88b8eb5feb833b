package estimatortest

import (
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// broken is LSQ with one mistake in its forward or backward pass.
type broken struct {
	estimators.LSQ
	forward  func(y, x []float32)
	backward func(dx []float32, dp estimators.Params)
}

func (b broken) Forward(y, x []float32, p estimators.Params) error {
	err := b.LSQ.Forward(y, x, p)
	if err == nil && b.forward != nil {
		b.forward(y, x)
	}
	return err
}

func (b broken) Backward(dx []float32, dp estimators.Params, x, dy []float32, p estimators.Params) error {
	err := b.LSQ.Backward(dx, dp, x, dy, p)
	if err == nil && b.backward != nil {
		b.backward(dx, dp)
	}
	return err
}

// TestCheckFindsMistakes checks the suite itself: each mistake is found, and without one it passes.
func TestCheckFindsMistakes(t *testing.T) {
	e := estimators.LSQ{Range: estimators.Range{Bits: 2, Signed: true}}
	c := Case{
		Params: estimators.Params{{0.5}}, Bits: 2, Idempotent: true,
		Grids: [][]float64{{-1, -0.5, 0, 0.5}},
		Gradient: func(x, dy []float64) ([]float64, [][]float64) {
			dx, ds := make([]float64, len(x)), 0.0
			for i := range x {
				v := x[i] / 0.5
				clipped := min(max(v, -2), 1)
				if ds += dy[i] * math.RoundToEven(clipped); v == clipped {
					dx[i] = dy[i]
					ds -= dy[i] * v
				}
			}
			return dx, [][]float64{{ds / math.Sqrt(float64(len(x)))}}
		},
	}
	each := func(change func(y, x float32) float32) func(y, x []float32) {
		return func(y, x []float32) {
			for i := range y {
				y[i] = change(y[i], x[i])
			}
		}
	}
	for _, tt := range []struct {
		name, want string
		estimator  broken
	}{
		{"off the grid", "sweep: channel 0: y(", broken{forward: each(func(y, _ float32) float32 { return y + 0.01 })}},
		{"lowest level missing", "3 of 4 levels", broken{forward: each(func(y, _ float32) float32 { return max(y, -0.5) })}},
		{"not monotone", "is less than", broken{forward: each(func(y, _ float32) float32 { return -0.5 - y })}},
		{"x is modified", "x is modified", broken{forward: func(_, x []float32) { clear(x) }}},
		{"NaN becomes 0", "y(NaN) = 0", broken{forward: each(func(y, _ float32) float32 {
			if y != y {
				return 0
			}
			return y
		})}},
		{"Inf goes to 0", "y(+Inf) = 0", broken{forward: each(func(y, x float32) float32 {
			if x > 1e6 {
				return 0
			}
			return y
		})}},
		{"dx has the wrong sign", "gradient: dx(", broken{backward: func(dx []float32, _ estimators.Params) {
			for i := range dx {
				dx[i] = -dx[i]
			}
		}}},
		{"dx is 1% off", "gradient: dx(", broken{backward: func(dx []float32, _ estimators.Params) {
			for i := range dx {
				dx[i] *= 1.01
			}
		}}},
		{"dscale has the wrong sign", "gradient: dscale[0]", broken{backward: func(_ []float32, dp estimators.Params) { dp[0][0] = -dp[0][0] }}},
		{"dscale is NaN without elements", "0 elements: dscale = NaN", broken{backward: func(dx []float32, dp estimators.Params) {
			if len(dx) == 0 {
				dp[0][0] = float32(math.NaN())
			}
		}}},
	} {
		tt.estimator.LSQ = e
		c.Estimator = tt.estimator
		if err := Check(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		}
	}
	c.Estimator = e
	if err := Check(c); err != nil {
		t.Errorf("without a mistake: %v", err)
	}
	c.Grids = [][]float64{{-1, -0.5, 0, 0.25, 0.5}}
	if err := Check(c); err == nil || !strings.Contains(err.Error(), "at most 4") {
		t.Errorf("5 levels at 2 bits: got %v", err)
	}
}
