package estimators_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// Without a state, all weights are quantized and none gets a gradient.
func TestINQ(t *testing.T) {
	var cases []estimatortest.Case
	for _, bits := range []int{2, 3, 4, 5} {
		cases = append(cases, estimatortest.Case{
			Name: fmt.Sprintf("%d bits", bits), Estimator: estimators.INQ{Bits: bits}, Bits: bits,
			Grids: [][]float64{{-0.7, 0.7}}, GridsOf: inqGrids(bits, 1),
			Gradient: straight(func(int, []float64) bool { return false }),
		})
	}
	estimatortest.Run(t, cases...)
	checkTable(t, estimators.INQ{Bits: 5}, nil, normals(50, 1, 0, 2))
}

// Zhou et al. 2017, equation 4: b for (a+b)/2 <= |w| < 3b/2 and neighbours a < b.
func TestINQThresholds(t *testing.T) {
	e := estimators.INQ{Bits: 4}
	// The largest is 1, so n1 = 0 and n2 = -3.
	x := []float32{1, 0.0624, 0.0625, 0.1874, -0.1875, 0.374, 0.375, 0.74, -0.75, 0.76}
	want := []float32{1, 0, 0.125, 0.125, -0.25, 0.25, 0.5, 0.5, -1, 1}
	y := make([]float32, len(x))
	if err := e.Forward(y, x, nil); err != nil || !slices.Equal(y, want) {
		t.Errorf("y = %v, %v; want %v", y, err, want)
	}
	// floor(log2(4s/3)) changes at s = 3/4 of a power of two.
	for s, want := range map[float32]float32{0.75: 1, 0.7499: 0.5, 1.4999: 1, 1.5: 2, 3e38: 0x1p127, 1e-30: 0x1p-23} {
		for _, s := range []float32{s, -s} {
			table, err := e.Table([]float32{s, 0}, nil)
			if err != nil || len(table) != 1 || slices.Max(table[0]) != want || len(table[0]) != 9 {
				t.Errorf("s = %v: levels %v, %v; want up to %v", s, table, err, want)
			}
		}
	}
}

func TestINQFreezes(t *testing.T) {
	e := estimators.INQ{Bits: 5, Share: 0.5}
	x := []float32{0.01, -0.2, 0.85, -0.76, 1.1, -0.4}
	state := estimators.Params{{7}, {9, 9, 9, 9, 9, 9}, {9, 9, 9, 9, 9, 9}} // all of it is overwritten
	update := func(e estimators.INQ, step int) {
		t.Helper()
		if err := e.Update(state, x, nil, step); err != nil {
			t.Fatal(err)
		}
	}
	check := func(frozen, y, dx []float32) {
		t.Helper()
		gotY, gotDx, dy := make([]float32, 6), make([]float32, 6), []float32{1, 2, 3, 4, 5, 6}
		bound := e.WithState(state)
		if err := bound.Forward(gotY, x, nil); err != nil {
			t.Fatal(err)
		}
		if err := bound.Backward(gotDx, nil, x, dy, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(state[1], frozen) || !slices.Equal(gotY, y) || !slices.Equal(gotDx, dx) {
			t.Errorf("frozen %v, y %v, dx %v; want %v, %v, %v", state[1], gotY, gotDx, frozen, y, dx)
		}
	}
	update(e, 0)
	if state[0][0] != 0 { // floor(log2(4*1.1/3))
		t.Errorf("the exponent is %v", state[0][0])
	}
	check([]float32{0, 0, 1, 1, 1, 0}, []float32{0.01, -0.2, 1, -1, 1, -0.4}, []float32{1, 2, 0, 0, 0, 6})
	indices := make([]int32, 6)
	if err := e.WithState(state).(estimators.INQ).Indices(indices, x, nil); err == nil ||
		!strings.Contains(err.Error(), "weight 0 is not frozen") {
		t.Errorf("indices of weights that are not frozen: %v", err)
	}

	// Training goes on. Frozen weights keep their value; the exponent stays; the largest of the others is next.
	x = []float32{3, -0.2, 0.1, 5, 0, -0.3}
	update(e, 1) // the share is reached
	check([]float32{0, 0, 1, 1, 1, 0}, []float32{3, -0.2, 1, -1, 1, -0.3}, []float32{1, 2, 0, 0, 0, 6})
	update(estimators.INQ{Bits: 5, Share: 0.67}, 2)
	check([]float32{1, 0, 1, 1, 1, 0}, []float32{1, -0.2, 1, -1, 1, -0.3}, []float32{0, 2, 0, 0, 0, 6})
	update(estimators.INQ{Bits: 5, Share: 0.1}, 3) // nothing thaws
	check([]float32{1, 0, 1, 1, 1, 0}, []float32{1, -0.2, 1, -1, 1, -0.3}, []float32{0, 2, 0, 0, 0, 6})
	x[1] = 0.003 // below half of the smallest level, 2^-7
	update(estimators.INQ{Bits: 5, Share: 1}, 4)
	check([]float32{1, 1, 1, 1, 1, 1}, []float32{1, 0, 1, -1, 1, -0.25}, make([]float32, 6))
	checkTable(t, e.WithState(state).(estimators.INQ), nil, x)
}

func TestINQTies(t *testing.T) {
	e := estimators.INQ{Bits: 3, Share: 0.5}
	// Magnitudes 5, 3, 1, 4, 2, 5, ... of both signs: half of 200 are all 5 and 4, and the first 20 of the 3.
	x, want, threes := make([]float32, 200), make([]float32, 200), 0
	for i := range x {
		m := 5 - i*2%5
		x[i] = float32(m * (1 - i/7%2*2))
		if m == 3 {
			threes++
		}
		if m > 3 || m == 3 && threes <= 20 {
			want[i] = 1
		}
	}
	state := estimators.Params{{0}, make([]float32, 200), make([]float32, 200)}
	if err := e.Update(state, x, nil, 0); err != nil || !slices.Equal(state[1], want) {
		t.Errorf("frozen %v, %v; want %v", state[1], err, want)
	}
}

func TestINQErrors(t *testing.T) {
	nan := float32(math.NaN())
	x, state := []float32{1, 2}, estimators.Params{{0}, {0, 0}, {0, 0}}
	e := estimators.INQ{Bits: 5, Share: 0.5}
	y := make([]float32, 2)
	for name, err := range map[string]error{
		"NaN":                e.Update(state, []float32{1, nan}, nil, 0),
		"no weights":         e.Update(estimators.Params{{0}, {}, {}}, nil, nil, 0),
		"short state":        e.Update(estimators.Params{{0}, {0}, {0}}, x, nil, 0),
		"short bound state":  e.WithState(estimators.Params{{0}, {0}, {0}}).Forward(y, x, nil),
		"impossible n1":      e.WithState(estimators.Params{{nan}, {0, 0}, {0, 0}}).Forward(y, x, nil),
		"a share of 2":       estimators.INQ{Bits: 5, Share: 2}.Update(state, x, nil, 0),
		"1 bit":              estimators.INQ{Bits: 1}.Forward(y, x, nil),
		"a parameter":        e.Forward(y, x, estimators.Params{{1}}),
		"nil state, bound":   e.WithState(estimators.Params{}).Forward(y, x, nil),
		"no indices to fill": e.Indices(nil, x, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m, err := estimators.MethodNamed("inq")
	if err != nil {
		t.Fatal(err)
	}
	spec := estimators.Spec{Range: estimators.Range{Bits: 5}, Options: estimators.Options{"share": 0.75}}
	if q, err := m.New(spec); err != nil || q.(estimators.INQ).Share != 0.75 {
		t.Errorf("New: %+v, %v", q, err)
	}
	if _, err := m.New(estimators.Spec{Range: estimators.Range{Bits: 5}, Scales: 2}); err == nil {
		t.Error("per channel: no error")
	}
}
