//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestBinsPaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(51, 52))
		for n := range 200 {
			for round := range 4 {
				a := &arena{rng: rng, off: rng.IntN(8)}
				x := a.special(n)
				if round%2 == 0 { // without NaN and infinities, which hide much
					for i := range x {
						x[i] = float32(rng.NormFloat64())
					}
				}
				thresholds := [aboveAtOnce]float32{-0.5, 0, []float32{1.5, infp, 0}[rng.IntN(3)]}
				var start aboveSums
				for i := range lanes {
					start.total[i], start.sums[1][i], start.counts[2][i] = float32(rng.NormFloat64()), 0.3, int32(rng.IntN(9))
				}
				got, want := start, start
				aboveRow(&got, x, &thresholds)
				portable(func() { aboveRow(&want, x, &thresholds) })
				what := fmt.Sprintf("%d elements, round %d", n, round)
				same(t, what, got.total[:], want.total[:])
				for j := range thresholds {
					same(t, what, got.sums[j][:], want.sums[j][:])
					same(t, what, got.counts[j][:], want.counts[j][:])
				}
				a.intact(t, what)
			}
		}
	})
}
