package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators/estimatortest"
)

// Liu et al. 2018, section 3.3: the gradient of weights is in proportion to their mean magnitude.
func TestBiReal(t *testing.T) {
	estimatortest.Run(t, scaledSignCases(t, "bireal", func(derivative, scale float64, _ int) float64 {
		return derivative * scale
	})...)
}
