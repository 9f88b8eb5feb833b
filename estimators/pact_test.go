package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() { goldenMethods["pact"] = goldenPACT }

func goldenPACT(t *testing.T, c goldenCase, p goldenParams) {
	compareGolden(t, estimators.PACT{Bits: p.Bits}, c, estimators.Params{scales(t, p.Alpha)}, c.Dalpha)
}

// pactGradient is Choi et al. 2018, section 3: the derivative of the clip, with the STE's inside it.
func pactGradient(bits int, alpha []float32, ste roundingGradient) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, da := make([]float64, len(x)), make([]float64, len(alpha))
		n := float64(int(1)<<bits - 1)
		for i := range x {
			a := float64(alpha[i%len(alpha)])
			switch {
			case x[i] >= a:
				da[i%len(alpha)] += dy[i]
			case x[i] > 0:
				v := x[i] * n / a
				dx[i] = ste(dy[i], v, math.RoundToEven(v), 0, n)
			}
		}
		return dx, [][]float64{da}
	}
}

func TestPACT(t *testing.T) {
	var cases []estimatortest.Case
	add := func(bits int, s roundingSTE, alpha ...float32) {
		c := estimatortest.Case{
			Name: fmt.Sprint(bits, s.name, alpha), Estimator: estimators.PACT{Bits: bits, Scales: len(alpha), STE: s.ste},
			Params: estimators.Params{alpha}, Bits: bits, Idempotent: true, Gradient: pactGradient(bits, alpha, s.grad),
		}
		for _, a := range alpha {
			c.Grids = append(c.Grids, evenGrid(0, 1<<bits-1, float64(a)/float64(int(1)<<bits-1), 0))
		}
		cases = append(cases, c)
	}
	for _, bits := range []int{1, 2, 4, 8} {
		add(bits, clippedSTE, 1.7)
	}
	add(3, ewgsSTE(0.1), 2)
	add(3, dsqSTE(0.2), 1.75)
	add(4, clippedSTE, 1, 6, 0.3)
	estimatortest.Run(t, cases...)
}

// The gradient is that of a ReLU below and of the clip at alpha itself.
func TestPACTAtEnds(t *testing.T) {
	x := []float32{float32(math.Inf(-1)), -1, 0, 0.001, math.Nextafter32(1.7, 0), 1.7, 2, float32(math.Inf(1)), float32(math.NaN())}
	dx, da := floats(len(x)), estimators.Params{{0}}
	dy := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}
	if err := (estimators.PACT{Bits: 4}).Backward(dx, da, x, dy, estimators.Params{{1.7}}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0, 0, 0, 1, 1, 0, 0, 0, 0} {
		if dx[i] != want {
			t.Errorf("dx(%v) = %v, want %v", x[i], dx[i], want)
		}
	}
	if da[0][0] != 3 {
		t.Errorf("dalpha = %v, want 3", da[0])
	}
}

func TestPACTMethod(t *testing.T) {
	e := newMethod(t, "pact", estimators.Spec{Range: estimators.Range{Bits: 4}, Scales: 1})
	p := paramsOf(e)
	if err := e.Init(p, []float32{1}); err != nil || p[0][0] != 10 {
		t.Errorf("alpha starts from %v, %v; want 10", p[0], err)
	}
	if d := e.(estimators.Penalized).Decay(); len(d) != 1 || d[0] != 0.0002 {
		t.Errorf("decay %v; want 0.0002", d)
	}
	options := estimators.Options{"decay": 0.5, "initial_alpha": 0}
	e = newMethod(t, "pact", estimators.Spec{Range: estimators.Range{Bits: 4}, Scales: 1, Options: options})
	if err := e.Init(p, []float32{-9, 3, 2}); err != nil || p[0][0] != 3 {
		t.Errorf("alpha starts from %v, %v; want the largest x, 3", p[0], err)
	}
	if err := e.Init(p, []float32{-9, -3}); err != nil || p[0][0] != estimators.MinScale {
		t.Errorf("alpha starts from %v, %v; want MinScale", p[0], err)
	}
	if d := e.(estimators.Penalized).Decay(); d[0] != 0.5 {
		t.Errorf("decay %v; want 0.5", d)
	}
	if err := e.Forward(floats(1), floats(1), estimators.Params{{0}}); err == nil {
		t.Error("alpha 0: no error")
	}
	if err := (estimators.PACT{Bits: 4, L2: -1}).Validate(); err == nil {
		t.Error("a negative penalty: no error")
	}
}
