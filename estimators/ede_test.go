package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// ede is Qin et al. 2020, section 3.3.
func ede(t float64) surrogate {
	k := max(1/t, 1)
	return surrogate{
		fmt.Sprintf("ede %v", t), estimators.EDE{T: t},
		func(v float64) float64 { return k * math.Tanh(t*v) },
		func(v float64) float64 { return k * t * (1 - math.Pow(math.Tanh(t*v), 2)) }, nil,
	}
}

func TestEDE(t *testing.T) {
	for _, steepness := range []float64{0.1, 0.5, 1, 3, 10} {
		testSurrogate(t, ede(steepness))
		testOutside(t, estimators.EDE{T: steepness})
	}
	testOptions(t, "ede", estimators.EDE{T: 0.1}, estimators.EDE{T: 10}, estimators.Options{"t": 10},
		estimators.Options{"t": 0}, estimators.Options{"t": -1}, estimators.Options{"t": math.NaN()})
}

// Far out 1 - tanh^2 has no digits left in float64; the derivative still has.
func TestEDEFarOut(t *testing.T) {
	got := float64(estimators.EDE{T: 10}.Grad(1, 3, 1, -1, 1))
	if want := 40 * math.Exp(-60); math.Abs(got-want) > 1e-6*want {
		t.Errorf("dv = %v at v = 3, t = 10; want %v", got, want)
	}
}
