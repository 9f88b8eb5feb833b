//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestSquarePaths(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(35, 36))
		for range 100 {
			for m := range winogradMatrices {
				ar := &arena{rng: rng, off: rng.IntN(8)}
				a, ndst, nsrc := squareCase(rng, m)
				dst, want := ar.floats(ndst), ar.floats(ndst)
				a.src = ar.special(nsrc)
				if rng.IntN(2) == 0 { // without NaN, which hides much
					a.src = normal(rng, nsrc)
				}
				copy(want, dst)
				a.dst = dst
				a.run(m)
				a.dst = want
				portable(func() { a.run(m) })
				same(t, fmt.Sprintf("map %d %+v", m, a.tiles), dst, want)
				ar.intact(t, "squares")
			}
		}
	})
}
