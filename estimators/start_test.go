package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// What starts from calibrated levels quantizes as they do.
func TestStartGivesTheCalibratedLevels(t *testing.T) {
	var x []float32
	for v := float32(-4); v <= 4; v += 1.0 / 64 {
		x = append(x, v)
	}
	unsigned, signed := estimators.Range{Bits: 3}, estimators.Range{Bits: 3, Signed: true}
	start := func(e estimators.Startable, a estimators.Affine) estimators.Params {
		t.Helper()
		var p estimators.Params
		for _, l := range e.Params() {
			p = append(p, make([]float32, l.Len))
		}
		if err := e.Start(p, a); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		e estimators.Startable
		a estimators.Affine
	}{
		"lsq":                  {estimators.LSQ{Range: signed}, estimators.Affine{Range: signed, Scale: []float32{0.25}, ZeroPoint: []int32{0}}},
		"lsq per channel":      {estimators.LSQ{Range: signed, Scales: 3}, estimators.Affine{Range: signed, Scale: []float32{0.25, 0.5, 2}, ZeroPoint: []int32{0, 0, 0}}},
		"lsq_plus":             {estimators.LSQPlus{Range: unsigned}, estimators.Affine{Range: unsigned, Scale: []float32{0.25}, ZeroPoint: []int32{2}}},
		"lsq_plus signed":      {estimators.LSQPlus{Range: signed}, estimators.Affine{Range: signed, Scale: []float32{0.25}, ZeroPoint: []int32{-3}}},
		"lsq_plus, zero point": {estimators.LSQPlusInteger{LSQPlus: estimators.LSQPlus{Range: unsigned}}, estimators.Affine{Range: unsigned, Scale: []float32{0.25}, ZeroPoint: []int32{2}}},
		"pact":                 {estimators.PACT{Bits: 3}, estimators.Affine{Range: unsigned, Scale: []float32{0.25}, ZeroPoint: []int32{0}}},
	} {
		p := start(c.e, c.a)
		x := x[:len(x)-len(x)%len(c.a.Scale)]
		y, want := make([]float32, len(x)), make([]float32, len(x))
		if err := c.e.Forward(y, x, p); err != nil {
			t.Fatal(err)
		}
		if err := c.a.Forward(want, x, nil); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if d := math.Abs(float64(y[i] - want[i])); d > 0 && !halfway(x[i], c.a.Scale[i%len(c.a.Scale)]) {
				t.Errorf("%s: %g becomes %g, the calibrated levels make it %g", name, x[i], y[i], want[i])
			}
		}
	}

	// Without a zero point of its own a method keeps the largest level: 0.25*(7 - 2) = 1.25.
	shifted := estimators.Affine{Range: unsigned, Scale: []float32{0.25}, ZeroPoint: []int32{2}}
	if p := start(estimators.PACT{Bits: 3}, shifted); p[0][0] != 1.25 {
		t.Errorf("pact: alpha %g, want 1.25", p[0][0])
	}
	if p := start(estimators.LSQ{Range: unsigned}, shifted); math.Abs(float64(p[0][0])*7-1.25) > 1e-6 {
		t.Errorf("lsq: 7 steps of %g, want 1.25", p[0][0])
	}
}

// halfway tells that x is between two levels, where a zero point that is odd rounds to another one.
func halfway(x, scale float32) bool {
	_, frac := math.Modf(math.Abs(float64(x / scale)))
	return frac == 0.5
}

func TestStartChecksItsArguments(t *testing.T) {
	r := estimators.Range{Bits: 3}
	good := estimators.Affine{Range: r, Scale: []float32{1}, ZeroPoint: []int32{0}}
	bad := estimators.Affine{Range: r, Scale: []float32{0}, ZeroPoint: []int32{0}}
	for name, e := range map[string]estimators.Startable{"lsq": estimators.LSQ{Range: r}, "lsq_plus": estimators.LSQPlus{Range: r}, "pact": estimators.PACT{Bits: 3}} {
		p := estimators.Params{{1}}
		if len(e.Params()) == 2 {
			p = estimators.Params{{1}, {1}}
		}
		if e.Start(p, good) != nil || e.Start(p, bad) == nil || e.Start(nil, good) == nil || e.Start(estimators.Params{{1, 1}, {1, 1}}, good) == nil {
			t.Errorf("%s: a scale of 0 or parameters of other lengths are accepted, or good ones are not", name)
		}
	}
}
