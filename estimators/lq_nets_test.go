package estimators_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/estimators/estimatortest"
)

// basisGrid are all sums of the basis: with both signs, or with and without each number.
func basisGrid(signed bool, basis ...float64) []float64 {
	grid := []float64{0}
	for _, v := range basis {
		var next []float64
		for _, g := range grid {
			if signed {
				next = append(next, g-v, g+v)
			} else {
				next = append(next, g, g+v)
			}
		}
		grid = next
	}
	slices.Sort(grid)
	return grid
}

func TestLQNets(t *testing.T) {
	var cases []estimatortest.Case
	add := func(name string, bits int, signed bool, bases ...[]float64) {
		l := estimators.LQNets{Bits: bits, Signed: signed, Scales: len(bases)}
		state := estimators.Params{make([]float32, bits*len(bases))}
		c := estimatortest.Case{Name: name, Bits: bits, Idempotent: true}
		for ch, basis := range bases {
			for j, v := range basis {
				state[0][j*len(bases)+ch] = float32(v)
			}
			c.Grids = append(c.Grids, basisGrid(signed, basis...))
		}
		c.Estimator = l.WithState(state)
		c.Gradient = straight(func(i int, x []float64) bool {
			g := c.Grids[i%len(bases)]
			return signed || g[0] <= x[i] && x[i] <= g[len(g)-1]
		})
		cases = append(cases, c)
		checkTable(t, c.Estimator.(estimators.LQNets), nil, normals(30*len(bases), 4, 0.5, 1))
	}
	add("signed 1", 1, true, []float64{0.5})
	add("signed 2", 2, true, []float64{0.5, 1.25})
	add("signed 3", 3, true, []float64{0.5, 0.125, 1})
	add("unsigned 2", 2, false, []float64{0.5, 1.25})
	add("unsigned 4", 4, false, []float64{1, 0.3, 0.11, 4})
	add("per channel", 2, true, []float64{0.5, 1.25}, []float64{0.01, 0.02}, []float64{7, 3})
	estimatortest.Run(t, cases...)
}

// One update by hand, for 2 bits: Zhang et al. 2018, equation 4 with the ridge of the authors' code, by Cramer's rule.
func TestLQNetsUpdate(t *testing.T) {
	for _, signed := range []bool{true, false} {
		const momentum = 0.9
		v := [2]float64{0.25, 0.75}
		x := normals(200, 9, 0.4, 0.6)
		code := func(x float64) (b [2]float64) {
			least := math.Inf(1)
			low := 0.0
			if signed {
				low = -1
			}
			for _, b0 := range []float64{low, 1} {
				for _, b1 := range []float64{low, 1} {
					if d := math.Abs(x - b0*v[0] - b1*v[1]); d < least {
						least, b = d, [2]float64{b0, b1}
					}
				}
			}
			return b
		}
		a, c, r := [2]float64{1e-4, 1e-4}, 0.0, [2]float64{1e-4 * v[0], 1e-4 * v[1]}
		for _, xi := range x {
			b := code(float64(xi))
			c += b[0] * b[1]
			for j := range 2 {
				a[j] += b[j] * b[j]
				r[j] += b[j] * float64(xi)
			}
		}
		det := a[0]*a[1] - c*c
		want := [2]float64{
			momentum*v[0] + (1-momentum)*(r[0]*a[1]-c*r[1])/det,
			momentum*v[1] + (1-momentum)*(a[0]*r[1]-c*r[0])/det,
		}
		l := estimators.LQNets{Bits: 2, Signed: signed, Momentum: momentum}
		state := estimators.Params{{float32(v[0]), float32(v[1])}}
		if err := l.Update(state, x, nil, 1); err != nil {
			t.Fatal(err)
		}
		for j := range 2 {
			if math.Abs(float64(state[0][j])-want[j]) > 1e-6 {
				t.Errorf("signed %v: v[%d] is %v, want %v", signed, j, state[0][j], want[j])
			}
		}
	}
}

// Where x has levels, alternation finds them, in each channel.
func TestLQNetsFindsLevels(t *testing.T) {
	for _, signed := range []bool{true, false} {
		bases := [][]float64{{0.35, 0.8}, {0.06, 0.09}}
		var x []float32
		for i := range 80 {
			for _, basis := range bases {
				grid := basisGrid(signed, basis...)
				x = append(x, float32(grid[i%4]))
			}
		}
		l := estimators.LQNets{Bits: 2, Signed: signed, Scales: 2, Rounds: 20}
		state := estimators.Params{make([]float32, l.State(len(x))[0].Len)}
		if err := l.Update(state, x, nil, 0); err != nil {
			t.Fatal(err)
		}
		y := make([]float32, len(x))
		if err := l.WithState(state).Forward(y, x, nil); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			if math.Abs(float64(y[i]-x[i])) > 1e-5 {
				t.Fatalf("signed %v: y(%v) = %v; basis %v", signed, x[i], y[i], state)
			}
		}
	}
}

// The constants of the authors' code, for x from a standard normal distribution and from its positive half.
func TestLQNetsStart(t *testing.T) {
	x := normals(200000, 5, 0, 1)
	for _, tt := range []struct {
		bits   int
		signed bool
		want   []float64
	}{
		{1, true, []float64{0.6745}},
		{3, true, []float64{0.6745 / 4, 0.6745 / 2, 0.6745}},
		{2, false, []float64{0.6745 * 2 / 3, 0.6745 * 4 / 3}},
	} {
		l := estimators.LQNets{Bits: tt.bits, Signed: tt.signed, Momentum: 1} // the update changes nothing more
		state := estimators.Params{make([]float32, tt.bits)}
		if err := l.Update(state, x, nil, 0); err != nil {
			t.Fatal(err)
		}
		for j, want := range tt.want {
			if math.Abs(float64(state[0][j])-want) > 0.01*want {
				t.Errorf("%d bits: v[%d] is %v, want about %v", tt.bits, j, state[0][j], want)
			}
		}
	}
	// Zeros, and codes that no x has, leave a basis of finite numbers.
	for _, x := range [][]float32{make([]float32, 10), {1, 1, 1}} {
		l, state := estimators.LQNets{Bits: 3, Momentum: 0.5}, estimators.Params{make([]float32, 3)}
		for step := range 3 {
			if err := l.Update(state, x, nil, step); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range state[0] {
			if v-v != 0 {
				t.Errorf("x = %v: the basis is %v", x, state[0])
			}
		}
	}
}

func TestLQNetsErrors(t *testing.T) {
	nan := float32(math.NaN())
	x, y, state := []float32{1, 2}, make([]float32, 2), estimators.Params{{1, 2}}
	l := estimators.LQNets{Bits: 2, Signed: true, Momentum: 0.9}
	for name, err := range map[string]error{
		"no state":      l.Forward(y, x, nil),
		"short state":   l.WithState(estimators.Params{{1}}).Forward(y, x, nil),
		"NaN in state":  l.WithState(estimators.Params{{1, nan}}).Forward(y, x, nil),
		"NaN in update": l.Update(state, []float32{1, nan}, nil, 1),
		"empty update":  l.Update(state, nil, nil, 0),
		"channels":      estimators.LQNets{Bits: 1, Scales: 2}.Update(state, []float32{1, 2, 3}, nil, 0),
		"momentum":      estimators.LQNets{Bits: 2, Momentum: 1.5}.Update(state, x, nil, 0),
		"bits":          estimators.LQNets{Bits: 9}.Update(state, x, nil, 0),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m, err := estimators.MethodNamed("lq_nets")
	if err != nil {
		t.Fatal(err)
	}
	spec := estimators.Spec{Range: estimators.Range{Bits: 3, Signed: true}, Weights: true, Scales: 16}
	if e, err := m.New(spec); err != nil || e.(estimators.LQNets).Momentum != 0.9 {
		t.Errorf("New: %+v, %v", e, err)
	}
	spec.Signed = false
	if _, err := m.New(spec); err == nil ||
		!strings.Contains(err.Error(), "unsigned weights") {
		t.Errorf("unsigned weights: %v", err)
	}
}
