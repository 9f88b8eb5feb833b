package estimators_test

import (
	"math"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestFreezing(t *testing.T) {
	f := projector(t, "freezing", estimators.Options{"momentum": 0.25, "threshold": 0.4})
	r, scale := estimators.Range{Bits: 3, Signed: true}, []float32{2}
	state := make(estimators.Params, 5)
	for i := range state {
		state[i] = []float32{9, 9} // all of it is overwritten
	}
	// Weight 0 oscillates between 0 and 1, weight 1 climbs.
	for step, tt := range [][7][]float32{ // w, w after, and the state
		{{0.2, -20}, {0.2, -20}, {0, -4}, {0, 0}, {0, 0}, {0, -4}, {0, 0}},
		{{1.2, -4}, {1.2, -4}, {1, -2}, {1, 1}, {0, 0}, {0.25, -3.5}, {0, 0}},
		{{0.9, -1.9}, {0.9, -1.9}, {0, -1}, {-1, 1}, {0.25, 0}, {0.1875, -2.875}, {0, 0}},
		// No change keeps the direction.
		{{0.8, -1.9}, {0.8, -1.9}, {0, -1}, {-1, 1}, {0.1875, 0}, {0.140625, -2.40625}, {0, 0}},
		{{1.1, 0}, {1.1, 0}, {1, 0}, {1, 1}, {0.390625, 0}, {0.35546875, -1.8046875}, {0, 0}},
		// The fourth turn freezes it at the rounded average of the integers before.
		{{0.9, 2}, {0, 2}, {0, 1}, {-1, 1}, {0.54296875, 0}, {0.35546875, -1.103515625}, {1, 0}},
		// It stays, whatever the optimizer does.
		{{5, 4}, {0, 4}, {0, 2}, {-1, 1}, {0.54296875, 0}, {0.35546875, -0.32763671875}, {1, 0}},
	} {
		w := slices.Clone(tt[0])
		if err := f.Project(w, state, scale, r, step); err != nil {
			t.Fatal(err)
		}
		for i, got := range append(estimators.Params{w}, state...) {
			want := tt[i+1]
			if !slices.Equal(got, want) {
				t.Errorf("step %d, array %d: %v, want %v", step, i, got, want)
			}
		}
	}
	if names := f.State(2); len(names) != 5 || names[4].Name != "frozen" || names[4].Len != 2 {
		t.Errorf("State is %v", names)
	}
}

// A threshold of 0 freezes nothing. Halves of the average go to the even integer, of which the scale may move on.
func TestFreezingThresholdAndScale(t *testing.T) {
	r := estimators.Range{Bits: 3, Signed: true}
	state := func() estimators.Params { return estimators.Params{{1}, {1}, {0.9}, {0.5}, {0}} }
	w, s := []float32{0.1}, state()
	if err := (estimators.Freezing{Momentum: 0.5}).Project(w, s, []float32{1}, r, 1); err != nil || s[4][0] != 0 ||
		w[0] != 0.1 {
		t.Errorf("threshold 0: frozen %v, w %v, %v", s[4], w, err)
	}
	f := estimators.Freezing{Momentum: 0.5, Threshold: 0.5}
	w, s = []float32{0.1}, state()
	if err := f.Project(w, s, []float32{1}, r, 1); err != nil || s[4][0] != 1 || w[0] != 0 {
		t.Errorf("an average of 1/2: frozen %v, w %v, %v", s[4], w, err)
	}
	s[0][0] = 3
	if err := f.Project(w, s, []float32{0.5}, r, 2); err != nil || w[0] != 1.5 {
		t.Errorf("another scale: w %v, %v", w, err)
	}
	for name, f := range map[string]estimators.Freezing{"momentum": {}, "threshold": {Momentum: 1, Threshold: 2}} {
		if f.Project(w, s, []float32{1}, r, 1) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if f.Project([]float32{float32(math.NaN())}, s, []float32{1}, r, 1) == nil {
		t.Error("NaN: no error")
	}
}
