package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// swishSign is Darabi et al. 2018: SwishSign, and its derivative by the chain rule on the sigmoid.
func swishSign(b float64) surrogate {
	sigmoid := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	return surrogate{
		fmt.Sprintf("swish_sign %v", b), estimators.SwishSign{Beta: b},
		func(v float64) float64 {
			s := sigmoid(b * v)
			return 2*s*(1+b*v*(1-s)) - 1
		},
		func(v float64) float64 {
			s := sigmoid(b * v)
			slope := b * s * (1 - s)
			return 2*slope*(1+b*v*(1-s)) + 2*s*(b*(1-s)-b*v*slope)
		}, nil,
	}
}

func TestSwishSign(t *testing.T) {
	for _, beta := range []float64{0.7, 5, 10} {
		testSurrogate(t, swishSign(beta))
		testOutside(t, estimators.SwishSign{Beta: beta})
		if got := (estimators.SwishSign{Beta: beta}).Grad(1, 0, 1, -1, 1); got != float32(beta) {
			t.Errorf("beta = %v: dv = %v at v = 0; want beta", beta, got)
		}
	}
	testOptions(t, "swish_sign", estimators.SwishSign{Beta: 5},
		estimators.SwishSign{Beta: 10}, estimators.Options{"beta": 10},
		estimators.Options{"beta": 0}, estimators.Options{"beta": -1}, estimators.Options{"beta": math.NaN()},
		estimators.Options{"beta": math.Inf(1)})
}
