package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// regularizer returns a regularizer of that name.
func regularizer(t *testing.T, name string, o estimators.Options) estimators.Regularizer {
	t.Helper()
	k, err := estimators.RegularizerNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// projector returns a projector of that name.
func projector(t *testing.T, name string, o estimators.Options) estimators.Projector {
	t.Helper()
	k, err := estimators.RegularizerNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.NewProjector(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// checkPenalty compares a penalty with its definition, and its gradient with the differences of the definition. The
// definition sees weights v near w, so that what follows from w can be constant.
func checkPenalty(
	t *testing.T, r estimators.Regularizer, w, scale []float32, rg estimators.Range, loss func(v []float64) float64,
) {
	t.Helper()
	dw := make([]float32, len(w))
	for i := range dw {
		dw[i] = 0.5
	}
	before := slices.Clone(w)
	got, err := r.Penalty(dw, w, scale, rg)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w, before) {
		t.Error("w is modified")
	}
	v := make([]float64, len(w))
	for i := range w {
		v[i] = float64(w[i])
	}
	if want := loss(v); math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
		t.Errorf("the penalty is %v, want %v", got, want)
	}
	for i := range w {
		const h = 1e-5
		x := v[i]
		v[i] = x + h
		up := loss(v)
		v[i] = x - h
		want := 0.5 + (up-loss(v))/(2*h) // it is added to what is there
		v[i] = x
		if math.Abs(float64(dw[i])-want) > 1e-4*max(1, math.Abs(want)) {
			t.Errorf("dw(%v) = %v, want %v", w[i], dw[i], want)
		}
	}
}

// levels are the levels nearest to the weights.
func levels(w, scale []float32, r estimators.Range) []float64 {
	out := make([]float64, len(w))
	for i := range w {
		s := float64(scale[i%len(scale)])
		out[i] = s * math.RoundToEven(min(max(float64(w[i])/s, float64(r.Qn())), float64(r.Qp())))
	}
	return out
}

var penaltyRanges = []estimators.Range{{Bits: 2, Signed: true}, {Bits: 4, Signed: true, Narrow: true}, {Bits: 3}}

// What holds for every regularizer.
func TestRegularizers(t *testing.T) {
	all := estimators.Regularizers()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	r := estimators.Range{Bits: 3, Signed: true}
	for i, k := range all {
		if i > 0 && all[i-1].Name >= k.Name {
			t.Errorf("%s comes after %s", k.Name, all[i-1].Name)
		}
		if k.Source == "" || k.Doc == "" || (k.New == nil) == (k.NewProjector == nil) {
			t.Errorf("%s has no source, no sentence, or not one way to make it", k.Name)
		}
		bad := estimators.Options{"colour": 1}
		if k.New == nil {
			if _, err := k.NewProjector(bad); err == nil {
				t.Errorf("%s: an unknown option: no error", k.Name)
			}
			p := projector(t, k.Name, nil)
			state := func(n int) (s estimators.Params) {
				for _, l := range p.State(n) {
					s = append(s, make([]float32, l.Len))
				}
				return s
			}
			for name, err := range map[string]error{
				"another state": p.Project([]float32{1, 1}, append(state(2), nil), []float32{1}, r, 0),
				"scale":         p.Project([]float32{1, 1}, state(2), []float32{0}, r, 0),
				"channels":      p.Project([]float32{1, 1}, state(2), []float32{1, 1, 1}, r, 0),
				"range":         p.Project([]float32{1, 1}, state(2), []float32{1}, estimators.Range{}, 0),
			} {
				if err == nil {
					t.Errorf("%s: %s: no error", k.Name, name)
				}
			}
			if err := p.Project(nil, state(0), []float32{1}, r, 0); err != nil {
				t.Errorf("%s: without weights: %v", k.Name, err)
			}
			continue
		}
		for _, o := range []estimators.Options{bad, {"lambda": -1}} {
			if _, err := k.New(o); err == nil {
				t.Errorf("%s: options %v: no error", k.Name, o)
			}
		}
		p := regularizer(t, k.Name, nil)
		penalty := func(dw, w []float32) error {
			_, err := p.Penalty(dw, w, []float32{1}, r)
			return err
		}
		for name, err := range map[string]error{
			"NaN":    penalty(make([]float32, 2), []float32{1, nan}),
			"Inf":    penalty(make([]float32, 2), []float32{1, inf}),
			"length": penalty(make([]float32, 1), []float32{1, 2}),
		} {
			if err == nil {
				t.Errorf("%s: %s: no error", k.Name, name)
			}
		}
		if loss, err := p.Penalty(nil, nil, []float32{1}, r); err != nil || loss != 0 {
			t.Errorf("%s: without weights: %v, %v", k.Name, loss, err)
		}
		if k.Name == "kurtosis" { // takes any scale
			continue
		}
		for name, scale := range map[string][]float32{"scale": {0}, "channels": {1, 1, 1}} {
			if _, err := p.Penalty(make([]float32, 2), []float32{1, 2}, scale, r); err == nil {
				t.Errorf("%s: %s: no error", k.Name, name)
			}
		}
	}
	if len(all) != 6 {
		t.Errorf("%d regularizers", len(all))
	}
	if _, err := estimators.RegularizerNamed("guess"); err == nil {
		t.Error("an unknown regularizer: no error")
	}
}
