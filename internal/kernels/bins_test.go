package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/staircase"
)

// The bins of any number of thresholds against float64, the same on any number of threads.
func TestBins(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	const n = 5
	for _, size := range []int{1, 16, 1000} {
		x := normal(rng, n*size)
		x[size/2] = 0.5 // on a threshold: below it
		for rungs := range staircase.MaxLevels {
			var thresholds []float32
			for i := range rungs {
				thresholds = append(thresholds, float32(i)/2-1.5)
			}
			var first *Bins
			for _, threads := range []int{1, 3} {
				p := NewPool(threads)
				l := &Bins{X: Batch(x, n), Thresholds: thresholds, N: n}
				p.Run(n, l)
				p.Run(n, l) // nothing is left from the run before
				p.Close()
				if first == nil {
					first = l
				} else if !slices.Equal(l.Counts, first.Counts) || !slices.Equal(l.Sums, first.Sums) {
					t.Errorf("%d elements, %d thresholds: other bits on %d threads", size, rungs, threads)
				}
			}
			if rungs == 0 {
				continue
			}
			counts, sums := make([]float64, rungs+1), make([]float64, rungs+1)
			for _, v := range x {
				i := 0
				for i < rungs && v > thresholds[i] {
					i++
				}
				counts[i]++
				sums[i] += float64(v)
			}
			for i := range sums {
				if len(first.Sums) != rungs+1 || first.Counts[i] != counts[i] || math.Abs(first.Sums[i]-sums[i]) > 1e-6*float64(n*size) {
					t.Fatalf("%d elements, %d thresholds: bins of %v with %v, want %v with %v", size, rungs, first.Counts, first.Sums, counts, sums)
				}
			}
		}
	}
	for _, bad := range []float32{nan, infp, -infp} {
		p := NewPool(1)
		l := &Bins{X: Batch([]float32{1, bad, 2}, 1), Thresholds: []float32{0}, N: 1}
		p.Run(1, l)
		p.Close()
		if s := l.Sums[0] + l.Sums[1]; s-s == 0 {
			t.Errorf("%v: the sums %v are finite", bad, l.Sums)
		}
	}
}
