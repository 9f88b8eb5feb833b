package estimators_test

import (
	"fmt"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func TestWRPN(t *testing.T) {
	var cases []estimatortest.Case
	for _, bits := range []int{2, 3, 4, 8} {
		for _, weights := range []bool{true, false} {
			for _, s := range []roundingSTE{clippedSTE, identitySTE, ewgsSTE(0.1)} {
				e, err := estimators.NewWRPN(bits, weights, s.ste)
				if err != nil {
					t.Fatal(err)
				}
				lo, n := 0, 1<<bits-1
				if weights {
					n = 1<<(bits-1) - 1
					lo = -n
				}
				cases = append(cases, estimatortest.Case{
					Name: fmt.Sprint(bits, weights, s.name), Estimator: e, Bits: bits, Idempotent: true,
					Grids:    [][]float64{evenGrid(lo, n, 1/float64(n), 0)},
					Gradient: unitGradient(float64(lo)/float64(n), float64(n), s.grad),
				})
			}
		}
	}
	estimatortest.Run(t, cases...)
	if _, err := estimators.NewWRPN(1, true, nil); err == nil {
		t.Error("weights of 1 bit: no error")
	}
}
