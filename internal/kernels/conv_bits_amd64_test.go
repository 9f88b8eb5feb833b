//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestBitKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(31, 32))
		word := func() uint32 { return []uint32{rng.Uint32(), rng.Uint32(), 0, 1<<32 - 1}[rng.IntN(4)] }
		for round := range 400 {
			ar := &arena{rng: rng, off: rng.IntN(8)}
			a := bitRow{pixels: 1 + rng.IntN(40), kRows: 1 + rng.IntN(3), kRun: 1 + rng.IntN(40), xRow: rng.IntN(50), xPix: rng.IntN(5),
				yPix: lanes + rng.IntN(20), initPix: rng.IntN(2) * rng.IntN(40), shift: rng.IntN(2)}
			x := alloc[uint32](ar, (a.kRows-1)*a.xRow+(a.pixels-1)*a.xPix+a.kRun, 5)
			w := alloc[uint32](ar, a.kRows*a.kRun*lanes, 5)
			for i := range x {
				x[i] = word()
			}
			for i := range w {
				w[i] = word()
			}
			if round%8 == 0 { // every bit differs, which fills the narrow counts
				for i := range x {
					x[i] = 0
				}
				for i := range w {
					w[i] = 1<<32 - 1
				}
			}
			init := ar.ints((a.pixels-1)*a.initPix + lanes)
			y := ar.ints((a.pixels-1)*a.yPix + lanes)
			want := alloc[int32](ar, len(y), -12345)
			copy(want, y)
			a.init, a.x, a.w, a.y = &init[0], &x[0], &w[0], &y[0]
			convRowBits(&a)
			a.y = &want[0]
			portable(func() { convRowBits(&a) })
			same(t, fmt.Sprintf("convRowBits %+v", a), y, want)

			a.y, a.init, a.initPix = &y[0], &y[0], a.yPix // in place, as a second plane is
			convRowBits(&a)
			a.y, a.init = &want[0], &want[0]
			portable(func() { convRowBits(&a) })
			same(t, fmt.Sprintf("convRowBits in place %+v", a), y, want)

			n, plane := 1+rng.IntN(20), rng.IntN(8)
			codes, packed, wantPacked := ar.codes(32*n), alloc[uint32](ar, n, 3), make([]uint32, n)
			packBits(packed, codes, plane)
			packBitsGeneric(wantPacked, codes, plane)
			same(t, fmt.Sprintf("packBits of %d words, plane %d", n, plane), packed, wantPacked)
			ar.intact(t, "bits")
		}
		TestConvBits(t)
	})
}
