//go:build !noasm

package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The shift kernels give the codes of the portable ones: with sums at the limits of
// int32, products in the middle between two codes, and every shift.
func TestShiftKernels(t *testing.T) {
	onPaths(t, func(t *testing.T, portable func(func())) {
		rng := rand.New(rand.NewPCG(31, 32))
		for _, c := range []int{1, 10, 16, 17, 32, 48, 64} {
			for _, rows := range []int{0, 1, 2, 7, 33} {
				for _, least := range []int{1, 31} { // of the shifts; below 31 there is no kernel
					n := c * rows
					ar := &arena{rng: rng, off: rng.IntN(8)}
					acc, mult, shift := ar.ints(n), ar.ints(c), ar.ints(c)
					for i := range acc {
						if rng.IntN(8) == 0 {
							acc[i] = [2]int32{math.MaxInt32, math.MinInt32}[rng.IntN(2)]
						}
					}
					for j := range mult {
						mult[j], shift[j] = int32(1<<30+rng.IntN(1<<30)), int32(least+rng.IntN(63-least))
						switch rng.IntN(4) {
						case 0:
							mult[j], shift[j] = 1<<30, max(int32(least), int32(31+rng.IntN(3))) // ties
						case 1:
							mult[j] = -mult[j]
						case 2:
							mult[j] >>= rng.IntN(31)
						}
					}
					zero, lo := uint8(rng.UintN(256)), uint8(rng.UintN(256))
					hi := lo + uint8(rng.UintN(256-uint(lo)))
					differ(t, ar, fmt.Sprintf("requantizeShiftRow, %d rows of %d", rows, c), portable, n, c,
						func(_, _, _ []float32, u []uint8, _ []int16) { requantizeShiftRow(u, acc, mult, shift, zero, lo, hi) })
				}
			}
		}
		for n := range 130 {
			for _, least := range []int{1, 9, 28} {
				ar := &arena{rng: rng, off: rng.IntN(8)}
				a, b := ar.codes(n), ar.codes(n)
				q := ShiftSum{MultA: int32(1<<30 + rng.IntN(1<<30)), MultB: int32(rng.IntN(1 << 31)), Shift: int32(least + rng.IntN(63-least)),
					ZeroA: uint8(rng.UintN(256)), ZeroB: uint8(rng.UintN(256)), ZeroPoint: uint8(rng.UintN(256)), Lo: uint8(rng.UintN(256))}
				q.Hi = q.Lo + uint8(rng.UintN(256-uint(q.Lo)))
				if rng.IntN(2) == 0 {
					q.MultA, q.MultB, q.Shift = 1<<30, 1<<29, max(int32(least), 30)
				}
				differ(t, ar, fmt.Sprintf("addCodesShiftRow, %+v, %d", q, n), portable, n, 1,
					func(_, _, _ []float32, u []uint8, _ []int16) { addCodesShiftRow(u, a, b, &q) })
			}
		}
	})
}
