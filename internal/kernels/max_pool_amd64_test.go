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

func TestMaxPoolWindowKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(23, 24))
		for i := range 60 {
			w := &Window{H: 5, W: 6, C: []int{16, 32, 48, 70}[i%4], OutH: 3, OutW: 2, Kernel: Size{1 + rng.IntN(3), 1 + rng.IntN(4)}, Stride: Size{2, 3}, Top: rng.IntN(2)}
			w.Kernel.H += w.Top // each window holds a pixel
			a := &arena{rng: rng, off: i % 5}
			n, out := w.H*w.W*w.C, w.OutH*w.OutW*w.C
			x, dy := a.special(n), a.special(out)
			test := func(name string, n int, f func(y []float32)) {
				t.Helper()
				differ(t, a, fmt.Sprintf("%s, %+v", name, *w), portable, n, lanes, func(y, _, _ []float32, _ []uint8, _ []int16) { f(y) })
			}
			test("MaxPool", out, func(y []float32) { MaxPool(y, x, w) })
			test("MaxPoolGrad", n, func(dx []float32) { MaxPoolGrad(dx, dy, x, w) })
		}
	})
}
