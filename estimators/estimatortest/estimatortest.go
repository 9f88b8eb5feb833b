// Package estimatortest is the suite that every estimator passes: its outputs are the levels of its definition, all of
// them and no others, and its gradient is the paper's, coded a second time in float64.
package estimatortest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qat-go/qat/estimators"
)

// Case is an estimator with what its definition says about it.
type Case struct {
	Name      string
	Estimator estimators.Estimator
	Params    estimators.Params
	Bits      int // k: at most 2^k levels

	// Grids has the levels of each channel, ascending, in the unit of x; one grid for a quantizer per tensor.
	Grids [][]float64

	// GridsOf, if not nil, returns the levels that follow from the statistics of x. Grids then says where x is drawn
	// from only. Statistics of what is not finite are an error.
	GridsOf func(x []float64) [][]float64

	// Gradient is the definition's backward pass for finite x, in float64, element i in channel i mod len(Grids). It
	// returns dL/dx and the gradients of the parameters.
	Gradient func(x, dy []float64) (dx []float64, dp [][]float64)

	// Idempotent says that quantizing the outputs changes nothing.
	Idempotent bool
}

// Run runs the suite on each case as a subtest.
func Run(t *testing.T, cases ...Case) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := Check(c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is the suite on one case, with all failures joined.
func Check(c Case) error {
	checks := []struct {
		name string
		run  func(Case) error
	}{
		{"grid", checkGrid},
		{"sweep", checkSweep},
		{"idempotence", checkIdempotence},
		{"NaN and Inf", checkNonFinite},
		{"codes", checkCodes},
		{"gradient", checkGradient},
		{"small tensors", checkSmall},
		{"lengths", checkLengths},
	}
	var errs []error
	for _, check := range checks {
		if err := check.run(c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", check.name, err))
		}
	}
	return errors.Join(errs...)
}

// sweep has 20 values a level in each channel, a quarter of the span beyond both ends.
func (c Case) sweep() []float32 {
	n := 20 << c.Bits
	x := make([]float32, 0, n*len(c.Grids))
	for i := range n {
		for _, grid := range c.Grids {
			lo, span := grid[0], grid[len(grid)-1]-grid[0]
			x = append(x, float32(lo+span*(1.5*float64(i)/float64(n-1)-0.25)))
		}
	}
	return x
}

// random has 100 normal values in each channel; about a third are outside the grid.
func (c Case) random() []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 0, 100*len(c.Grids))
	for range 100 {
		for _, grid := range c.Grids {
			lo, hi := grid[0], grid[len(grid)-1]
			x = append(x, float32((lo+hi)/2+(hi-lo)/2*rng.NormFloat64()))
		}
	}
	return x
}

func (c Case) gridsOf(x []float32) [][]float64 {
	if c.GridsOf != nil {
		return c.GridsOf(widen(x))
	}
	return c.Grids
}

func nearest(grid []float64, y float64) (best int) {
	for j, g := range grid {
		if math.Abs(g-y) < math.Abs(grid[best]-y) {
			best = j
		}
	}
	return best
}

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(math.Abs(want), 0.1)
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
