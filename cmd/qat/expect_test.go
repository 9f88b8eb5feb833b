package main

import (
	"math"
	"testing"
)

func TestExpectation(t *testing.T) {
	e := expectation{0.5}
	for top1, met := range map[float64]bool{0.5: true, 1: true, 0.4999: false} {
		if err := e.met(top1); (err == nil) != met {
			t.Errorf("%g: %v, want met: %t", top1, err, met)
		}
	}
	for _, e := range []expectation{{0}, {0.99}} {
		if e.met(math.NaN()) == nil {
			t.Errorf("NaN is %g or more", e.top1)
		}
	}
}
