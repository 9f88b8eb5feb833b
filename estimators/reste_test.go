package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// reste is Wu et al. 2023: the power function, linear up to m = 0.1 and constant beyond t.
func reste(o, t float64) surrogate {
	const m = 0.1
	power := func(a float64) float64 { return math.Pow(a, 1/o) }
	return surrogate{
		fmt.Sprintf("reste %v %v", o, t), estimators.ReSTE{O: o, T: t},
		func(v float64) float64 {
			a := math.Abs(v)
			if a <= m {
				return v * power(m) / m
			}
			return math.Copysign(power(min(a, t)), v)
		},
		func(v float64) float64 {
			a := math.Abs(v)
			switch {
			case a > t:
				return 0
			case a > m:
				return power(a) / (o * a)
			}
			return power(m) / m
		},
		[]float64{-t, -m, m, t},
	}
}

func TestReSTE(t *testing.T) {
	for _, o := range []float64{1, 1.5, 3, 10} {
		for _, end := range []float64{0.625, 1.5} {
			testSurrogate(t, reste(o, end))
			testOutside(t, estimators.ReSTE{O: o, T: end})
		}
	}
	testOptions(t, "reste", estimators.ReSTE{O: 3, T: 1.5},
		estimators.ReSTE{O: 1, T: 2}, estimators.Options{"o": 1, "t": 2},
		estimators.Options{"o": 0.9}, estimators.Options{"o": math.NaN()},
		estimators.Options{"t": 0.05}, estimators.Options{"t": math.Inf(1)})
}

// The identity within t is where the paper's schedule of o starts.
func TestReSTEStartsAsIdentity(t *testing.T) {
	e := estimators.ReSTE{O: 1, T: 1.5}
	for _, v := range []float32{0, 0.05, -0.05, 0.1, 0.7, -1.4, 1.5} {
		if got := e.Grad(3, v, 1, -1, 1); got != 3 {
			t.Errorf("dv = %v at v = %v; want dq = 3", got, v)
		}
	}
}
