package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() { goldenMethods["xnor_weight"] = goldenScaledSign("xnor") }

// Rastegari et al. 2016, section 3.1: the gradient of weights is that of their signs times a, and 1/n.
func TestXNOR(t *testing.T) {
	estimatortest.Run(t, scaledSignCases(t, "xnor", func(derivative, scale float64, n int) float64 {
		return 1/float64(n) + derivative*scale
	})...)
}
