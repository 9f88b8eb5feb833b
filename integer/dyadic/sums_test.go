package dyadic

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSumPixels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for _, channels := range []int{1, 7, 8, 16, 20, 64} {
		for _, pixels := range []int{0, 1, 49, 257, 258, 1000} {
			x, acc, want := make([]uint8, pixels*channels), make([]int32, channels), make([]int32, channels)
			for i := range x {
				x[i] = uint8(255 - rng.UintN(2)*rng.UintN(256))
				want[i%channels] += int32(x[i])
			}
			if SumPixels(acc, x); !slices.Equal(acc, want) {
				t.Errorf("%d channels, %d pixels: %v, want %v", channels, pixels, acc, want)
			}
		}
	}
}
