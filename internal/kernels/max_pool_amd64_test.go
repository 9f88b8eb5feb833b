//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestMaxPoolKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(21, 22))
		for n := range 130 {
			for off := range 4 {
				a := &arena{rng: rng, off: off}
				x, start, codes, winners := a.special(n), a.special(n), a.codes(n), alloc[int32](a, n, -12345)
				for i := range winners {
					winners[i] = int32(rng.IntN(3))
				}
				test := func(name string, f func(y, s, q []float32, u []uint8, w []int16)) {
					t.Helper()
					differ(t, a, fmt.Sprintf("%s, length %d, offset %d", name, n, off), portable, n, lanes, f)
				}
				test("maxRow", func(y, _, _ []float32, _ []uint8, _ []int16) { copy(y, start); maxRow(y, x) })
				test("maxCodesRow", func(_, _, _ []float32, u []uint8, _ []int16) { maxCodesRow(u, codes) })
				test("winnersRow", func(y, _, _ []float32, _ []uint8, w []int16) {
					copy(y, start)
					all := alloc[int32](a, n, -12345)
					copy(all, winners)
					winnersRow(y, all, x, 7)
					for i, v := range all {
						w[i] = int16(v)
					}
				})
				test("addToWinnersRow", func(y, _, _ []float32, _ []uint8, _ []int16) { copy(y, start); addToWinnersRow(y, x, winners, 1) })
			}
		}
	})
}
