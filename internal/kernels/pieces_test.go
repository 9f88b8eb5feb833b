package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Threads update as one does, and stop at the first element that is not finite.
func TestInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(39, 40))
	q := SGD{LR: 0.1, Momentum: 0.9, Decay: 1e-4, Clip: 1}
	for _, n := range []int{5, Piece, 3*Piece + 77} {
		for _, p := range []*Pool{nil, NewPool(3)} {
			w, v, g := normal(rng, n), normal(rng, n), normal(rng, n)
			ww, wv := slices.Clone(w), slices.Clone(v)
			row := func(from, end int) int { return q.Row(w[from:end], v[from:end], g[from:end]) }
			if stops := InPieces(p, n, row); stops != -1 || q.Row(ww, wv, g) != -1 || !slices.Equal(w, ww) || !slices.Equal(v, wv) {
				t.Errorf("%d elements: threads differ from one, or stop at %d", n, stops)
			}
			g[n-1], g[n/2] = nan, infp
			if stops, old := InPieces(p, n, row), ww[n/2]; stops != n/2 || w[n/2] != old {
				t.Errorf("%d elements: stops at %d with %g there, want %d and %g", n, stops, w[n/2], n/2, old)
			}
			if p != nil {
				p.Close()
			}
		}
	}
}
