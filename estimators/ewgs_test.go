package estimators_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() { goldenMethods["ewgs"] = goldenEWGS }

// The golden case is the discretizer alone, which is the method on the interval [0, 1] with scale 1.
func goldenEWGS(t *testing.T, c goldenCase, p goldenParams) {
	e := estimators.EWGS{Range: estimators.Range{Bits: p.Bits}, STE: estimators.ElementwiseScaling{Delta: float32(p.Delta)}}
	compareOutputs(t, e, c, estimators.Params{{0}, {1}, {1}})
}

func TestElementwiseScaling(t *testing.T) {
	testOptions(t, "ewgs", estimators.ElementwiseScaling{Delta: 0.001}, estimators.ElementwiseScaling{Delta: 0.2},
		estimators.Options{"delta": 0.2}, estimators.Options{"delta": -1}, estimators.Options{"delta": math.NaN()})
	testSTE(t, ewgsSTE(0.2))
	ste := estimators.ElementwiseScaling{Delta: 0.2}
	// dq > 0 pushes v down, and the level changes at 1.5: far from 2.4, near 1.6.
	if up, down := ste.Grad(1, 2.4, 2, 0, 4), ste.Grad(1, 1.6, 2, 0, 4); !(up > 1 && down < 1) {
		t.Errorf("dv = %v above the level and %v below it; want more and less than 1", up, down)
	}
}

// testSTE compares an STE with its definition, and checks that it is 0 outside and for NaN.
func testSTE(t *testing.T, s roundingSTE) {
	t.Helper()
	for _, r := range [][2]float64{{0, 3}, {-8, 7}, {0, 1}} {
		lo, hi := r[0], r[1]
		for i := range 2001 {
			v := lo - 1 + (hi-lo+2)*(float64(i)+0.3)/2000
			q := math.RoundToEven(clip(v, lo, hi))
			for _, g := range []float64{1, -2.5} {
				got := float64(s.ste.Grad(float32(g), float32(v), float32(q), float32(lo), float32(hi)))
				if want := s.grad(g, float64(float32(v)), q, lo, hi); !within(got, want, 1e-5) {
					t.Fatalf("%s: dv = %v at v = %v in [%v, %v], dq = %v; want %v", s.name, got, v, lo, hi, g, want)
				}
			}
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got := s.ste.Grad(1, float32(v), 3, 0, 3); got != 0 {
			t.Errorf("%s: dv = %v at v = %v; want 0", s.name, got, v)
		}
	}
}

// ewgsGradient is the chain rule through the quantizer of Lee et al. 2021, with the discretizer's gradient in its
// place.
func ewgsGradient(weights bool, bits int, p estimators.Params, ste roundingGradient) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		channels, n := len(p[0]), float64(int(1)<<bits-1)
		dx, dp := make([]float64, len(x)), [][]float64{make([]float64, channels), make([]float64, channels), make([]float64, channels)}
		for i := range x {
			c := i % channels
			l, u, a := float64(p[0][c]), float64(p[1][c]), float64(p[2][c])
			raw := (x[i] - l) / (u - l)
			xn := clip(raw, 0, 1)
			xq := math.RoundToEven(n*xn) / n
			out, slope := xq, a
			if weights {
				out, slope = 2*xq-1, 2*a
			}
			dp[2][c] += dy[i] * out
			dxn := ste(dy[i]*slope, n*raw, n*xq, 0, n)
			if raw != xn {
				dxn = 0
			}
			dx[i] = dxn / (u - l)
			dp[0][c] += dxn * (x[i] - u) / ((u - l) * (u - l))
			dp[1][c] -= dxn * (x[i] - l) / ((u - l) * (u - l))
		}
		return dx, dp
	}
}

func TestEWGS(t *testing.T) {
	var cases []estimatortest.Case
	add := func(bits int, weights bool, s roundingSTE, p estimators.Params) {
		c := estimatortest.Case{
			Name:      fmt.Sprintf("%d bits, weights %t, %s, %d channels", bits, weights, s.name, len(p[0])),
			Estimator: estimators.EWGS{Range: estimators.Range{Bits: bits, Signed: weights}, Scales: len(p[0]), STE: s.ste},
			Params:    p, Bits: bits, Gradient: ewgsGradient(weights, bits, p, s.grad),
		}
		for ch := range p[0] {
			grid := evenGrid(0, 1<<bits-1, float64(p[2][ch])/float64(int(1)<<bits-1), 0)
			if weights {
				grid = oddGrid(bits, float64(p[2][ch]))
			}
			c.Grids = append(c.Grids, grid)
		}
		cases = append(cases, c)
	}
	for _, bits := range []int{1, 2, 4} {
		add(bits, true, ewgsSTE(0.1), estimators.Params{{-1}, {1.1}, {1}})
		add(bits, false, ewgsSTE(0.1), estimators.Params{{0.1}, {0.9}, {1}})
	}
	add(3, true, clippedSTE, estimators.Params{{-1}, {1}, {1}})
	add(3, false, dsqSTE(0.3), estimators.Params{{0}, {1}, {1}})
	add(3, true, ewgsSTE(0.01), estimators.Params{{-1, -0.5, -2}, {1, 0.4, 3}, {1, 0.5, 2}})
	estimatortest.Run(t, cases...)
}

// The authors' start: 3 standard deviations of weights; for activations from the smallest x to 3 standard deviations of
// the normal distribution of which x is half. The scale brings the outputs to the mean magnitude of x.
func TestEWGSInit(t *testing.T) {
	x := []float32{-3, -1, 1, 3, 3, -3, 1, -1} // mean 0, deviation sqrt(5)
	p := estimators.Params{{0}, {0}, {0}}
	e := estimators.EWGS{Range: estimators.Range{Bits: 2, Signed: true}}
	if err := e.Init(p, x); err != nil {
		t.Fatal(err)
	}
	u := 3 * math.Sqrt(5)
	// All x are in the two inner levels, -1/3 and 1/3 of the interval; mean|x| is 2.
	compareClose(t, "lower", p[0], []float64{-u})
	compareClose(t, "upper", p[1], []float64{u})
	wantScale := 2 / (1.0 / 3)
	if math.Abs(3/u) > 2.0/3 {
		t.Fatal("3 is not in an inner level")
	}
	compareClose(t, "scale", p[2], []float64{wantScale})

	a := estimators.EWGS{Range: estimators.Range{Bits: 2}}
	if err := a.Init(p, []float32{0, 0, 4, 4}); err != nil {
		t.Fatal(err)
	}
	compareClose(t, "upper of activations", p[1], []float64{6 / math.Sqrt(1-2/math.Pi)})
	if p[0][0] != 0 {
		t.Errorf("lower end of activations is %v, want the smallest x, 0", p[0][0])
	}
	for name, x := range map[string][]float32{"empty": {}, "NaN": {1, float32(math.NaN())}} {
		if e.Init(p, x) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Training may move the ends past each other.
	if err := e.Forward(floats(4), x[:4], estimators.Params{{1}, {0.5}, {1}}); err != nil {
		t.Errorf("an empty interval: %v", err)
	}
}
