package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators"
)

// approxSign is Liu et al. 2018, section 3.3: the piecewise quadratic and its derivative.
func approxSign() surrogate {
	return surrogate{
		"approx_sign", estimators.ApproxSign{},
		func(v float64) float64 {
			switch {
			case v < -1:
				return -1
			case v < 0:
				return 2*v + v*v
			case v < 1:
				return 2*v - v*v
			}
			return 1
		},
		func(v float64) float64 {
			switch {
			case -1 <= v && v < 0:
				return 2 + 2*v
			case 0 <= v && v < 1:
				return 2 - 2*v
			}
			return 0
		}, nil,
	}
}

func TestApproxSign(t *testing.T) {
	testSurrogate(t, approxSign())
	testOutside(t, estimators.ApproxSign{})
	testOptions(t, "approx_sign", estimators.ApproxSign{}, estimators.ApproxSign{}, nil)
}
