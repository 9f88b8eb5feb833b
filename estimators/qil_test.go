package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// qilTransform is Jung et al. 2019, section 3: zero below c-d, a sign above c+d, (alpha*|x| + beta)^gamma
// between.
func qilTransform(x, c, d, gamma float64, weights bool) float64 {
	m, sign := x, 1.0
	if weights {
		m, sign = math.Abs(x), signOf(x)
	}
	switch alpha, beta := 0.5/d, -0.5*c/d+0.5; {
	case m < c-d:
		return 0
	case m > c+d:
		return sign
	default:
		return sign * math.Pow(max(alpha*m+beta, 0), gamma)
	}
}

// qilGradient differentiates the transformer numerically and passes the gradient through the rounding by the STE.
func qilGradient(weights bool, n float64, p estimators.Params, ste roundingGradient) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		channels := len(p[0])
		dx, dp := make([]float64, len(x)), make([][]float64, len(p))
		for i := range p {
			dp[i] = make([]float64, channels)
		}
		for i := range x {
			ch := i % channels
			at := []float64{x[i], float64(p[0][ch]), float64(p[1][ch]), 1}
			if len(p) > 2 {
				at[3] = float64(p[2][ch])
			}
			w := qilTransform(at[0], at[1], at[2], at[3], weights)
			lo := 0.0
			if weights {
				lo = -n
			}
			dw := ste(dy[i]/n, n*w, math.RoundToEven(n*w), lo, n) * n
			slope := func(j int) float64 {
				const h = 1e-7
				up, down := append([]float64{}, at...), append([]float64{}, at...)
				up[j] += h
				down[j] -= h
				return (qilTransform(up[0], up[1], up[2], up[3], weights) - qilTransform(down[0], down[1], down[2], down[3], weights)) / (2 * h)
			}
			dx[i] = dw * slope(0)
			for j := range p {
				dp[j][ch] += dw * slope(j+1)
			}
		}
		return dx, dp
	}
}

func TestQIL(t *testing.T) {
	var cases []estimatortest.Case
	add := func(bits int, weights bool, s roundingSTE, p estimators.Params) {
		e := estimators.QIL{Bits: bits, Weights: weights, LearnGamma: len(p) > 2, Scales: len(p[0]), STE: s.ste}
		c := estimatortest.Case{
			Name: fmt.Sprint(bits, weights, s.name, p), Estimator: e, Params: p, Bits: bits,
			Gradient: qilGradient(weights, float64(e.Qp()), p, s.grad),
		}
		for range p[0] {
			c.Grids = append(c.Grids, evenGrid(e.Qn(), e.Qp(), 1/float64(e.Qp()), 0))
		}
		cases = append(cases, c)
	}
	for _, bits := range []int{2, 4, 8} {
		add(bits, true, clippedSTE, estimators.Params{{0.5}, {0.375}})
		add(bits, false, clippedSTE, estimators.Params{{0.5}, {0.375}})
	}
	add(1, false, clippedSTE, estimators.Params{{0.4}, {0.3}})
	add(4, true, clippedSTE, estimators.Params{{0.5}, {0.25}, {1.5}})
	add(4, true, clippedSTE, estimators.Params{{0.5}, {0.25}, {1}})
	add(3, true, ewgsSTE(0.1), estimators.Params{{0.5}, {0.25}, {0.75}})
	add(3, false, dsqSTE(0.3), estimators.Params{{0.5}, {0.5}})
	add(3, true, clippedSTE, estimators.Params{{0.5, 0.25, 0.625}, {0.25, 0.125, 0.375}, {1, 2, 0.5}})
	estimatortest.Run(t, cases...)
}

func TestQILInit(t *testing.T) {
	w := newMethod(t, "qil", estimators.Spec{Range: estimators.Range{Bits: 4, Signed: true}, Weights: true, Scales: 1, Options: estimators.Options{"learn_gamma": 1}})
	p := paramsOf(w)
	if err := w.Init(p, []float32{1, -3, 2}); err != nil || p[0][0] != 1.5 || p[1][0] != 1.5 || p[2][0] != 1 {
		t.Errorf("weights start from %v, %v; want 1.5, 1.5 and 1", p, err)
	}
	y := floats(3)
	if err := w.Forward(y, []float32{3, -3, 0}, p); err != nil || y[0] != 1 || y[1] != -1 || y[2] != 0 {
		t.Errorf("y = %v, %v; want 1, -1 and 0", y, err)
	}
	a := newMethod(t, "qil", estimators.Spec{Range: estimators.Range{Bits: 4}, Scales: 1})
	p = paramsOf(a)
	if err := a.Init(p, []float32{1, -3, 2}); err != nil || len(p) != 2 || p[0][0] != 1 || p[1][0] != 1 {
		t.Errorf("activations start from %v, %v; want 1 and 1", p, err)
	}
	if (estimators.QIL{Bits: 4, LearnGamma: true}).Validate() == nil {
		t.Error("gamma of activations: no error")
	}
	if (estimators.QIL{Bits: 1, Weights: true}).Validate() == nil {
		t.Error("weights of 1 bit: no error")
	}
}
