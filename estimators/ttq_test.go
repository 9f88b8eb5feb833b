package estimators_test

import (
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

func init() {
	goldenMethods["ttq"] = func(t *testing.T, c goldenCase, p goldenParams) {
		spec := ternarySpec(1, nil)
		spec.Options = estimators.Options{"t": p.T}
		compareGolden(t, newMethod(t, "ttq", spec), c, estimators.Params{p.Wp, p.Wn}, c.Dwp, c.Dwn)
	}
}

func TestTTQ(t *testing.T) {
	var cases []estimatortest.Case
	add := func(name string, threshold float64, wp, wn []float32) {
		channels := len(wp)
		spec := ternarySpec(channels, nil)
		spec.Options = estimators.Options{"t": threshold}
		var grids [][]float64
		for c := range wp {
			grids = append(grids, []float64{-float64(wn[c]), 0, float64(wp[c])})
		}
		cases = append(cases, estimatortest.Case{
			Name: name, Estimator: newMethod(t, "ttq", spec), Params: estimators.Params{wp, wn}, Bits: 2,
			Grids: grids, GridsOf: func([]float64) [][]float64 { return grids },
			// Zhu et al. 2017, equations 7 and 8, with a Wn that is a magnitude.
			Gradient: func(x, dy []float64) ([]float64, [][]float64) {
				dx, dwp, dwn := make([]float64, len(x)), make([]float64, channels), make([]float64, channels)
				for c := range wp {
					top := 0.0
					for i := c; i < len(x); i += channels {
						top = max(top, math.Abs(x[i]))
					}
					for i := c; i < len(x); i += channels {
						switch {
						case x[i] > threshold*top:
							dwp[c] += dy[i]
							dx[i] = dy[i] * float64(wp[c])
						case x[i] < -threshold*top:
							dwn[c] -= dy[i]
							dx[i] = dy[i] * float64(wn[c])
						default:
							dx[i] = dy[i]
						}
					}
				}
				return dx, [][]float64{dwp, dwn}
			},
		})
	}
	add("per tensor", 0.05, []float32{0.8}, []float32{0.6})
	add("high threshold", 0.5, []float32{1.3}, []float32{1.7})
	add("per channel", 0.1, []float32{0.8, 0.05, 3}, []float32{0.6, 0.1, 1})
	estimatortest.Run(t, cases...)
}

func TestTTQInit(t *testing.T) {
	e := estimators.TTQ{Scales: 2}
	p := estimators.Params{{0, 0}, {0, 0}}
	if err := e.Init(p, nil); err != nil {
		t.Fatal(err)
	}
	if p[0][0] != 1 || p[0][1] != 1 || p[1][0] != 1 || p[1][1] != 1 {
		t.Errorf("wp, wn = %v; want 1", p)
	}
	if _, isInteger := estimators.Estimator(e).(estimators.Integer); isInteger {
		t.Error("ttq is Integer, but its levels have no common scale")
	}
}

func TestTTQErrors(t *testing.T) {
	e := estimators.TTQ{Threshold: 0.05}
	x := []float32{1, 2}
	y := make([]float32, 2)
	for name, p := range map[string]estimators.Params{
		"wp: scale[0] is 0":  {{0}, {1}},
		"wn: scale[0] is -1": {{1}, {-1}},
		"wn: scale[0] is Na": {{1}, {float32(math.NaN())}},
		"1 parameters":       {{1}},
		"2 elements in 1 of": {{1}, {1, 1}},
	} {
		if err := e.Forward(y, x, p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v; want %q", p, err, name)
		}
	}
	m, err := estimators.MethodNamed("ttq")
	if err != nil {
		t.Fatal(err)
	}
	for _, threshold := range []float64{-0.1, 1, math.NaN()} {
		spec := ternarySpec(1, nil)
		spec.Options = estimators.Options{"t": threshold}
		if _, err := m.New(spec); err == nil {
			t.Errorf("no error for t = %v", threshold)
		}
	}
	if _, err := m.New(binary(true, 1, nil)); err == nil {
		t.Error("no error for 1 bit")
	}
}
