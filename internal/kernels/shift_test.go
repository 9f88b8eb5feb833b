package kernels

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// half rounds p*2^-shift by comparing the distances to its two neighbours.
func half(p int64, shift int32) int64 {
	unit := new(big.Int).Lsh(big.NewInt(1), uint(shift))
	floor, rest := new(big.Int).DivMod(big.NewInt(p), unit, new(big.Int))
	switch down := new(big.Int).Sub(unit, rest).Cmp(rest); {
	case down < 0, down == 0 && floor.Bit(0) == 1:
		return floor.Int64() + 1
	}
	return floor.Int64()
}

func TestRoundShift(t *testing.T) {
	for _, tt := range []struct {
		p     int64
		shift int32
		want  int64
	}{
		{5, 1, 2}, {7, 1, 4}, {-1, 1, 0}, {-3, 1, -2}, {-5, 1, -2}, {3, 2, 1}, {2, 2, 0}, {6, 2, 2}, {-6, 2, -2}, {-7, 2, -2},
		{1<<62 - 1, 62, 1}, {1 - 1<<62, 62, -1}, {1 << 61, 62, 0}, {1<<61 + 1, 62, 1}, {1<<62 - 1, 1, 1 << 61},
	} {
		if got := RoundShift(tt.p, tt.shift); got != tt.want || half(tt.p, tt.shift) != tt.want {
			t.Errorf("%d*2^-%d is rounded to %d and %d, want %d", tt.p, tt.shift, got, half(tt.p, tt.shift), tt.want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		shift := int32(1 + rng.IntN(62))
		p := (rng.Int64() - 1<<62) >> (1 + rng.IntN(62))
		if rng.IntN(3) == 0 {
			p = p >> (shift - 1) << (shift - 1) // a whole number of halves
		}
		if got, want := RoundShift(p, shift), half(p, shift); got != want {
			t.Fatalf("%d*2^-%d is rounded to %d, want %d", p, shift, got, want)
		}
	}
}
