package estimators_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// normals are n numbers from a normal distribution.
func normals(n int, seed uint64, mean, deviation float64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + deviation*rng.NormFloat64())
	}
	return x
}

// checkTable compares what a codebook exports with its outputs.
func checkTable(t *testing.T, e estimators.Codebook, p estimators.Params, x []float32) {
	t.Helper()
	table, err := e.Table(x, p)
	if err != nil {
		t.Fatal(err)
	}
	y, indices := make([]float32, len(x)), make([]int32, len(x))
	if err := e.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Indices(indices, x, p); err != nil {
		t.Fatal(err)
	}
	for i, at := range indices {
		if got := table[i%len(table)][at]; got != y[i] {
			t.Fatalf("x = %v: y is %v, and entry %d of the table is %v", x[i], y[i], at, got)
		}
	}
	if e.Indices(indices[1:], x, p) == nil {
		t.Error("too few indices: no error")
	}
}

// A table need not be ascending. Ties go to the lower level, NaN to the place of 0, infinities to the ends.
func TestCodebookLookup(t *testing.T) {
	e := estimators.KMeans{Bits: 2}
	p := estimators.Params{{1, -2, 0, 3}}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := []float32{0.5, 0.5000001, -1, -0.99, 2, 2.1, nan, inf, -inf, 0}
	y, indices := make([]float32, len(x)), make([]int32, len(x))
	if err := e.Forward(y, x, p); err != nil {
		t.Fatal(err)
	}
	if err := e.Indices(indices, x, p); err != nil {
		t.Fatal(err)
	}
	if want := []int32{2, 0, 1, 2, 0, 3, 2, 3, 1, 2}; !slices.Equal(indices, want) {
		t.Errorf("indices are %v, want %v", indices, want)
	}
	if want := []float32{0, 1, -2, 0, 1, 3}; !slices.Equal(y[:6], want) || y[6] == y[6] || y[7] != 3 || y[8] != -2 ||
		y[9] != 0 {
		t.Errorf("y is %v", y)
	}
	for _, bad := range []float32{nan, inf} {
		if e.Forward(y, x, estimators.Params{{1, -2, bad, 3}}) == nil {
			t.Errorf("a level %v: no error", bad)
		}
	}
}
