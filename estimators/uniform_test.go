package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// roundingGradient is the definition of an STE in float64.
type roundingGradient func(g, v, q, lo, hi float64) float64

// roundingSTE is an STE for more than two levels, with its definition. A nil STE is a method's own choice.
type roundingSTE struct {
	name string
	ste  estimators.STE
	grad roundingGradient
}

var clippedSTE = roundingSTE{"clipped", estimators.Clipped{}, func(g, v, _, lo, hi float64) float64 {
	return g * indicator(lo <= v && v <= hi)
}}

var identitySTE = roundingSTE{"identity", estimators.Identity{}, func(g, _, _, _, _ float64) float64 { return g }}

// ewgsSTE is Lee et al. 2021, section 3, with x_n and x_q normalized to [0, 1].
func ewgsSTE(delta float64) roundingSTE {
	return roundingSTE{fmt.Sprintf("ewgs %v", delta), estimators.ElementwiseScaling{Delta: float32(delta)}, func(g, v, q, lo, hi float64) float64 {
		xn, xq := (v-lo)/(hi-lo), (q-lo)/(hi-lo)
		return g * (1 + delta*math.Copysign(1, g)*(xn-xq)) * indicator(0 <= xn && xn <= 1)
	}}
}

// dsqSTE is Gong et al. 2019, section 3, with steps of 1.
func dsqSTE(alpha float64) roundingSTE {
	ste, err := estimators.NewSoftStaircase(alpha)
	if err != nil {
		panic(err)
	}
	return roundingSTE{fmt.Sprintf("dsq %v", alpha), ste, func(g, v, _, lo, hi float64) float64 {
		if v < lo || v > hi {
			return 0
		}
		return g * (softStaircase(v+1e-6, hi, alpha) - softStaircase(v-1e-6, hi, alpha)) / 2e-6
	}}
}

// softStaircase is the staircase of that section with s = 1/(1-alpha), k = ln(2/alpha-1).
func softStaircase(v, hi, alpha float64) float64 {
	i := min(math.Floor(v), hi-1)
	return i + (math.Tanh(math.Log(2/alpha-1)*(v-i-0.5))/(1-alpha)+1)/2
}

// evenGrid are the levels from lo to hi in steps, and oddGrid those of 2^bits levels from -end to end.
func evenGrid(lo, hi int, scale, offset float64) (grid []float64) {
	for q := lo; q <= hi; q++ {
		grid = append(grid, float64(q)*scale+offset)
	}
	return grid
}

func oddGrid(bits int, end float64) []float64 {
	n := 1<<bits - 1
	return evenGrid(0, n, 2*end/float64(n), -end)
}

func clip(v, lo, hi float64) float64 { return min(max(v, lo), hi) }

func signOf(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

// compareOutputs compares y and dx with a golden case that has no gradients of the parameters.
func compareOutputs(t *testing.T, e estimators.Estimator, c goldenCase, p estimators.Params) {
	t.Helper()
	y, dx := floats(len(c.X)), floats(len(c.X))
	if err := e.Forward(y, c.X, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Backward(dx, paramsOf(e), c.X, c.G, p); err != nil {
		t.Fatal(err)
	}
	compareClose(t, "y", y, c.Y)
	compareClose(t, "dx", dx, c.Dx)
}

func floats(n int) []float32 { return make([]float32, n) }

// Quantizers of activations run in every training step over the whole batch.
func TestActivationsAllocateNothing(t *testing.T) {
	const n = 64
	x, y := floats(n), floats(n)
	for i := range x {
		x[i] = float32(i)/20 - 1
	}
	for _, m := range []string{"lsq", "lsq_plus", "pact", "dorefa", "qil", "wrpn", "dsq", "ewgs", "stochastic"} {
		for _, ste := range []estimators.STE{nil, dsqSTE(0.2).ste} {
			e := newMethod(t, m, estimators.Spec{Range: estimators.Range{Bits: 4}, Scales: 1, STE: ste})
			if r, ok := e.(estimators.Random); ok {
				e = r.Seeded(1)
			}
			p, dp := paramsOf(e), paramsOf(e)
			if err := e.Init(p, x); err != nil {
				t.Fatalf("%s: %v", m, err)
			}
			if allocs := testing.AllocsPerRun(10, func() {
				if e.Forward(y, x, p) != nil || e.Backward(y, dp, x, x, p) != nil {
					t.Fatal("error")
				}
			}); allocs > 0 {
				t.Errorf("%s with %T allocates %v times", m, ste, allocs)
			}
		}
	}
}

func paramsOf(e estimators.Estimator) (p estimators.Params) {
	for _, l := range e.Params() {
		p = append(p, slices.Repeat([]float32{1}, l.Len))
	}
	return p
}

// Infinities saturate: the gradients of parameters stay finite with every STE that is flat outside. NaN shows in them,
// and gets no gradient itself even from the identity.
func TestGradientOfInfinitiesAndNaN(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, m := range []string{"lsq", "lsq_plus", "pact", "dorefa", "qil", "wrpn", "dsq", "ewgs"} {
		for _, s := range []roundingSTE{clippedSTE, ewgsSTE(0.1), dsqSTE(0.2)} {
			e := newMethod(t, m, estimators.Spec{Range: estimators.Range{Bits: 3}, Scales: 1, STE: s.ste})
			p, dp, dx := paramsOf(e), paramsOf(e), floats(3)
			if err := e.Init(p, []float32{-1, 0.5, 2}); err != nil {
				t.Fatal(err)
			}
			if err := e.Backward(dx, dp, []float32{inf, -inf, 0.5}, []float32{1, 2, 3}, p); err != nil {
				t.Fatal(err)
			}
			for i, d := range dp {
				if d[0]-d[0] != 0 || dx[0] != 0 || dx[1] != 0 {
					t.Errorf("%s, %s: dx = %v, d%s = %v for infinite x", m, s.name, dx, e.Params()[i].Name, d)
				}
			}
			if err := e.Backward(dx, dp, []float32{nan, 0.5, 0.5}, []float32{1, 2, 3}, p); err != nil || dx[0] != 0 {
				t.Errorf("%s, %s: dx(NaN) = %v, %v; want 0", m, s.name, dx[0], err)
			}
		}
	}
	for _, m := range []string{"lsq", "lsq_plus", "wrpn"} {
		e := newMethod(t, m, estimators.Spec{Range: estimators.Range{Bits: 3}, Scales: 1, STE: estimators.Identity{}})
		dx := floats(1)
		if err := e.Backward(dx, paramsOf(e), []float32{nan}, []float32{1}, paramsOf(e)); err != nil || dx[0] != 0 {
			t.Errorf("%s, identity: dx(NaN) = %v, %v; want 0", m, dx[0], err)
		}
	}
}

// Every method of multi-bit levels with an option or an STE that it does not have is an error of New that says which
// ones fit.
func TestMisfittingSTE(t *testing.T) {
	for _, name := range []string{"lsq", "lsq_plus", "pact", "dorefa", "qil", "wrpn", "dsq", "ewgs", "stochastic", "sawb"} {
		m, err := estimators.MethodNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		weights := name == "sawb"
		s := estimators.Spec{Range: estimators.Range{Bits: 4, Signed: weights}, Scales: 1, Weights: weights, STE: estimators.EDE{T: 1}}
		if _, err := m.New(s); err == nil {
			t.Errorf("%s with the gradient of a sign: no error", name)
		}
		for _, ste := range m.STEs {
			kind, err := estimators.STENamed(ste)
			if err != nil {
				t.Fatalf("%s has the STE %s: %v", name, ste, err)
			}
			if s.STE, err = kind.New(nil); err != nil {
				t.Fatal(err)
			}
			if _, err := m.New(s); err != nil {
				t.Errorf("%s with %s: %v", name, ste, err)
			}
		}
		s.STE, s.Bits = nil, 0
		if _, err := m.New(s); err == nil {
			t.Errorf("%s with 0 bits: no error", name)
		}
		for _, o := range m.Options {
			s.Bits, s.Options = 4, estimators.Options{o.Name: o.Max + 1}
			if _, err := m.New(s); err == nil {
				t.Errorf("%s with %s = %v: no error", name, o.Name, o.Max+1)
			}
		}
	}
}
