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

// kmeansGradient is Han et al. 2016, equation 3: the sum over members; x gets dy if it is assigned anew in every step.
func kmeansGradient(codebook []float32, reassign bool) func(x, dy []float64) ([]float64, [][]float64) {
	return func(x, dy []float64) ([]float64, [][]float64) {
		dx, dc := make([]float64, len(x)), make([]float64, len(codebook))
		for i := range x {
			best := 0
			for j, c := range codebook {
				if math.Abs(x[i]-float64(c)) < math.Abs(x[i]-float64(codebook[best])) {
					best = j
				}
			}
			dc[best] += dy[i]
			if reassign {
				dx[i] = dy[i]
			}
		}
		return dx, [][]float64{dc}
	}
}

func TestKMeans(t *testing.T) {
	var cases []estimatortest.Case
	for bits, codebook := range map[int][]float32{
		1: {0.25, -0.5},
		2: {-1, -0.25, 0.125, 2},
		3: {0.7, -1.5, -0.8, 0.1, 3, 0.25, -0.1, 1.5},
	} {
		for _, reassign := range []bool{false, true} {
			var grid []float64
			for _, c := range codebook {
				grid = append(grid, float64(c))
			}
			slices.Sort(grid)
			cases = append(cases, estimatortest.Case{
				Name:      fmt.Sprintf("%d bits, reassign %v", bits, reassign),
				Estimator: estimators.KMeans{Bits: bits, Reassign: reassign}, Params: estimators.Params{codebook}, Bits: bits,
				Grids: [][]float64{grid}, Gradient: kmeansGradient(codebook, reassign), Idempotent: true,
			})
		}
	}
	estimatortest.Run(t, cases...)
	checkTable(t, estimators.KMeans{Bits: 2}, estimators.Params{{1, -2, 0, 3}}, normals(50, 1, 0, 2))
}

// plainLloyd is Lloyd's algorithm by the book: every x looks at every centroid.
func plainLloyd(x []float32, k, iterations int) []float64 {
	lo, hi := float64(slices.Min(x)), float64(slices.Max(x))
	c := make([]float64, k)
	for j := range c {
		c[j] = lo + (hi-lo)*float64(j)/float64(k-1)
	}
	for range iterations {
		sums, counts := make([]float64, k), make([]float64, k)
		for _, v := range x {
			best := 0
			for j := range c {
				if math.Abs(float64(v)-c[j]) < math.Abs(float64(v)-c[best]) {
					best = j
				}
			}
			sums[best] += float64(v)
			counts[best]++
		}
		for j := range c {
			if counts[j] > 0 {
				c[j] = sums[j] / counts[j]
			}
		}
	}
	return c
}

func TestKMeansInit(t *testing.T) {
	x := append(normals(700, 3, -0.5, 1), 9) // an outlier leaves centroids without members
	for _, bits := range []int{1, 2, 4, 6} {
		for _, iterations := range []int{1, 3, 100} {
			p := estimators.Params{make([]float32, 1<<bits)}
			if err := (estimators.KMeans{Bits: bits, Iterations: iterations}).Init(p, x); err != nil {
				t.Fatal(err)
			}
			for j, want := range plainLloyd(x, 1<<bits, iterations) {
				if math.Abs(float64(p[0][j])-want) > 1e-6 {
					t.Errorf("%d bits, %d iterations: centroid %d is %v, want %v", bits, iterations, j, p[0][j], want)
				}
			}
		}
	}
	p := estimators.Params{make([]float32, 4)}
	if err := (estimators.KMeans{Bits: 2}).Init(p, []float32{3, 3, 3}); err != nil ||
		!slices.Equal(p[0], []float32{3, 3, 3, 3}) {
		t.Errorf("equal x: %v, %v", p, err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, x := range map[string][]float32{"empty": {}, "NaN": {1, nan}, "Inf": {inf}} {
		if (estimators.KMeans{Bits: 2}).Init(p, x) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The assignment stays when the weights and the centroids move.
func TestKMeansAssignment(t *testing.T) {
	e := estimators.KMeans{Bits: 1}
	x, p := []float32{-1, 2, 0.4, -3}, estimators.Params{{-1, 1}}
	state := estimators.Params{make([]float32, 4)}
	if err := e.Update(state, x, p, 0); err != nil || !slices.Equal(state[0], []float32{0, 1, 1, 0}) {
		t.Fatalf("state %v, %v", state, err)
	}
	x, p = []float32{5, -2, -7, float32(math.NaN())}, estimators.Params{{10, -20}}
	if err := e.Update(state, x, p, 1); err != nil || !slices.Equal(state[0], []float32{0, 1, 1, 0}) {
		t.Fatalf("a later update: state %v, %v", state, err)
	}
	bound := e.WithState(state)
	y, dx, dc := make([]float32, 4), make([]float32, 4), estimators.Params{{0, 0}}
	if err := bound.Forward(y, x, p); err != nil || !slices.Equal(y[:3], []float32{10, -20, -20}) || y[3] == y[3] {
		t.Errorf("y = %v, %v", y, err)
	}
	if err := bound.Backward(dx, dc, x, []float32{1, 2, 4, 8}, p); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(dx, []float32{0, 0, 0, 0}) || !slices.Equal(dc[0], []float32{1, 6}) {
		t.Errorf("dx = %v, dc = %v", dx, dc)
	}
	if got := e.State(4); len(got) != 1 || got[0].Len != 4 {
		t.Errorf("State is %v", got)
	}
	for _, bad := range []float32{-1, 2, 0.5, float32(math.NaN())} {
		err := e.WithState(estimators.Params{{0, bad, 0, 0}}).Forward(y, x, p)
		if err == nil || !strings.Contains(err.Error(), "element 1 is assigned to centroid") {
			t.Errorf("an assignment to %v: %v", bad, err)
		}
	}
	if e.WithState(estimators.Params{{0}}).Forward(y, x, p) == nil {
		t.Error("a state of 1 element for 4: no error")
	}
	again := estimators.KMeans{Bits: 1, Reassign: true}
	if err := again.Update(nil, x, p, 0); err != nil || again.State(4) != nil {
		t.Errorf("with Reassign, there is a state: %v", err)
	}
}

func TestKMeansNew(t *testing.T) {
	m, err := estimators.MethodNamed("kmeans")
	if err != nil {
		t.Fatal(err)
	}
	spec := estimators.Spec{
		Range: estimators.Range{Bits: 4, Signed: true}, Weights: true, Options: estimators.Options{"reassign": 1},
	}
	e, err := m.New(spec)
	if k, ok := e.(estimators.KMeans); err != nil || !ok || k.Bits != 4 || !k.Reassign || k.Iterations != 100 {
		t.Errorf("got %+v, %v", e, err)
	}
	spec.Scales = 8
	if _, err := m.New(spec); err == nil || !strings.Contains(err.Error(), "8 channels") {
		t.Errorf("per channel: %v", err)
	}
	if _, err := m.New(estimators.Spec{Range: estimators.Range{Bits: 9}}); err == nil {
		t.Error("9 bits: no error")
	}
}
