package estimators_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() { goldenMethods["dsq"] = goldenDSQ }

func goldenDSQ(t *testing.T, c goldenCase, p goldenParams) {
	var alpha float64
	if err := json.Unmarshal(p.Alpha, &alpha); err != nil {
		t.Fatal(err)
	}
	e := estimators.DSQ{Bits: p.Bits, STE: dsqSTE(alpha).ste}
	compareOutputs(t, e, c, estimators.Params{{float32(p.L)}, {float32(p.U)}})
}

func TestSoftStaircase(t *testing.T) {
	testOptions(t, "dsq", dsqSTE(0.2).ste, dsqSTE(0.4).ste, estimators.Options{"alpha": 0.4}, estimators.Options{"alpha": 0}, estimators.Options{"alpha": 0.6})
	for _, alpha := range []float64{0.01, 0.2, 0.5} {
		s := dsqSTE(alpha)
		testSTE(t, s)
		// The soft staircase passes through the levels, so its derivative integrates to 1 over a step.
		sum := 0.0
		for i := range 10000 {
			sum += float64(s.ste.Grad(1, 2+(float32(i)+0.5)/10000, 2, 0, 3)) / 10000
		}
		if math.Abs(sum-1) > 1e-3 {
			t.Errorf("alpha %v: the derivative integrates to %v over a step, want 1", alpha, sum)
		}
		k := math.Log(2/alpha - 1)
		if got, want := float64(s.ste.Grad(1, 3, 3, 0, 3)), k*alpha*(2-alpha)/(2*(1-alpha)); !within(got, want, 1e-5) {
			t.Errorf("alpha %v: the derivative at a level is %v, want %v", alpha, got, want)
		}
	}
	for _, alpha := range []float64{0, 0.6, math.NaN()} {
		if _, err := estimators.NewSoftStaircase(alpha); err == nil {
			t.Errorf("alpha %v: no error", alpha)
		}
	}
}

// dsqGradient is the derivative of y = l + D*q((x-l)/D), D = (u-l)/n, with the STE for that of q. softAlpha, if not 0,
// is the learned alpha, whose gradient is that of the soft staircase.
func dsqGradient(bits int, p estimators.Params, ste roundingGradient, softAlpha float64) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		channels, n := len(p[0]), float64(int(1)<<bits-1)
		dx, dp := make([]float64, len(x)), [][]float64{make([]float64, channels), make([]float64, channels)}
		dalpha := 0.0
		for i := range x {
			c := i % channels
			l, u := float64(p[0][c]), float64(p[1][c])
			d := (u - l) / n
			v := (x[i] - l) / d
			q := math.RoundToEven(clip(v, 0, n))
			dv := ste(dy[i]*d, v, q, 0, n)
			dx[i] = dv / d
			dd := dy[i] * q
			if dv != 0 {
				dd -= dv * (x[i] - l) / (d * d)
			}
			dp[0][c] += dy[i] - dv/d - dd/n
			dp[1][c] += dd / n
			if softAlpha > 0 && v >= 0 && v <= n {
				const h = 1e-6
				dalpha += dy[i] * d * (softStaircase(v, n, softAlpha+h) - softStaircase(v, n, softAlpha-h)) / (2 * h)
			}
		}
		if softAlpha > 0 {
			dp = append(dp, []float64{dalpha})
		}
		return dx, dp
	}
}

func TestDSQ(t *testing.T) {
	var cases []estimatortest.Case
	add := func(bits int, s roundingSTE, alpha float64, p estimators.Params) {
		e := estimators.DSQ{Bits: bits, Scales: len(p[0]), STE: s.ste, LearnAlpha: alpha > 0}
		c := estimatortest.Case{
			Name: fmt.Sprintf("%d bits, %s, alpha %v, %d channels", bits, s.name, alpha, len(p[0])), Estimator: e,
			Params: p, Bits: bits, Idempotent: true, Gradient: dsqGradient(bits, p, s.grad, alpha),
		}
		if alpha > 0 {
			c.Params = append(p, []float32{float32(alpha)})
		}
		for ch, l := range p[0] {
			c.Grids = append(c.Grids, evenGrid(0, 1<<bits-1, (float64(p[1][ch])-float64(l))/float64(int(1)<<bits-1), float64(l)))
		}
		cases = append(cases, c)
	}
	for _, bits := range []int{1, 2, 4} {
		add(bits, dsqSTE(0.2), 0, estimators.Params{{-1.2}, {1.5}})
	}
	add(8, clippedSTE, 0, estimators.Params{{-1}, {127.0 / 128}}) // a scale that float32 has
	add(3, clippedSTE, 0, estimators.Params{{-1}, {0.5}})
	add(3, ewgsSTE(0.1), 0, estimators.Params{{0.5}, {2}})
	add(3, dsqSTE(0.3), 0.3, estimators.Params{{-1}, {2.5}})
	add(2, dsqSTE(0.05), 0.05, estimators.Params{{-1, 0, 0.1}, {1, 3, 0.2}})
	estimatortest.Run(t, cases...)
}

// The levels of the integer form are those of DSQ, moved by less than half a scale so that 0 is one of them.
func TestDSQInteger(t *testing.T) {
	var cases []estimatortest.Case
	for _, tt := range []struct{ l, u, scale, z float64 }{
		{-1.2, 1.8, 1, 1}, {-0.4, 2.6, 1, 0}, {-7, -1, 2, 3}, {1, 7, 2, 0}, {-1.25, 0.25, 0.5, 2},
	} {
		// The gradient is that of an interval from -z*D.
		moved := estimators.Params{{float32(-tt.z * tt.scale)}, {float32((3 - tt.z) * tt.scale)}}
		cases = append(cases, estimatortest.Case{
			Name: fmt.Sprint(tt), Estimator: estimators.DSQInteger{DSQ: estimators.DSQ{Bits: 2}},
			Params: estimators.Params{{float32(tt.l)}, {float32(tt.u)}}, Bits: 2, Idempotent: true,
			Grids:    [][]float64{evenGrid(0, 3, tt.scale, -tt.z*tt.scale)},
			Gradient: dsqGradient(2, moved, dsqSTE(0.2).grad, 0),
		})
	}
	estimatortest.Run(t, cases...)
}

func TestDSQAlpha(t *testing.T) {
	spec := estimators.Spec{Range: estimators.Range{Bits: 2}, Scales: 1, Options: estimators.Options{"learn_alpha": 1}, STE: dsqSTE(0.3).ste}
	e := newMethod(t, "dsq", spec)
	p := paramsOf(e)
	if err := e.Init(p, []float32{-1, -1, 0, 1, 2}); err != nil || p[2][0] != 0.3 {
		t.Errorf("alpha starts from %v, %v; want the STE's, 0.3", p[2], err)
	}
	m, err := estimators.MethodNamed("dsq")
	if err != nil {
		t.Fatal(err)
	}
	spec.STE = estimators.Clipped{}
	if _, err := m.New(spec); err == nil {
		t.Error("a learned alpha with the clipped STE: no error")
	}
	spec.Options = estimators.Options{"zero_point": 1}
	if _, ok := newMethod(t, "dsq", spec).(estimators.Integer); !ok {
		t.Error("with a zero point, the method is not for integer networks")
	}
	// Steps outside the range of alpha act as its ends.
	x, dy := []float32{-0.7, 0.4, 1.1}, []float32{1, -2, 3}
	for _, ends := range [][2]float32{{-1, 0.001}, {0.7, 0.5}} {
		var dx [2][]float32
		for i, alpha := range ends {
			dx[i] = floats(3)
			if err := e.Backward(dx[i], paramsOf(e), x, dy, estimators.Params{{-1}, {2}, {alpha}}); err != nil {
				t.Fatal(err)
			}
		}
		if dx[0][0] != dx[1][0] || dx[0][1] != dx[1][1] {
			t.Errorf("alpha %v: dx = %v; want %v as with %v", ends[0], dx[0], dx[1], ends[1])
		}
	}
}
