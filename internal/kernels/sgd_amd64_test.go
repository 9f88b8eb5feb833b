//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSGDPaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(37, 38))
		for n := range 100 {
			for i := range 8 {
				ar := &arena{rng: rng, off: rng.IntN(8)}
				q := SGD{LR: 0.1, Momentum: 0.9, Decay: 1e-4, Clip: 0.7, Nesterov: i%2 == 0}
				w, v, g := ar.floats(n), ar.floats(n), ar.floats(n)
				copy(w, normal(rng, n))
				copy(v, normal(rng, n))
				copy(g, normal(rng, n))
				if i >= 4 && n > 0 {
					g[rng.IntN(n)] = []float32{nan, infp, -infp}[rng.IntN(3)]
				}
				ww, wv := slices.Clone(w), slices.Clone(v)
				bad, want := q.Row(w, v, g), 0
				portable(func() { want = q.Row(ww, wv, g) })
				if bad != want || (bad >= 0) != (i >= 4 && n > 0) {
					t.Fatalf("length %d: stops at %d, portable code at %d", n, bad, want)
				}
				what := fmt.Sprintf("length %d, Nesterov %v", n, q.Nesterov)
				same(t, what, w, ww)
				same(t, what, v, wv)
				ar.intact(t, what)
			}
		}
	})
}
