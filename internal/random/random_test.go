package random

import (
	"math"
	"testing"
)

// MurmurHash3 of no bytes is mix of the seed; these are widely published test vectors of MurmurHash3_x86_32.
func TestMix(t *testing.T) {
	for seed, want := range map[uint32]uint32{0: 0, 1: 0x514e28b7, 0xffffffff: 0x81f16f39} {
		if got := mix(seed); got != want {
			t.Errorf("mix(%#x) = %#x, want %#x", seed, got, want)
		}
	}
}

// A seed gives the same numbers for ever; these are the equation's, by a program in another language.
func TestBits(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		i    int
		want uint32
	}{
		{7, 0, 0x18c9aec4}, {7, 1, 0x84a5bbbf}, {7<<32 | 5, 3, 0xc4edb127}, {0xcbf29ce484222325, 1000, 0xca112ded},
	} {
		if got := New(c.seed).bits(c.i); got != c.want {
			t.Errorf("bits(%d) of seed %#x = %#x, want %#x", c.i, c.seed, got, c.want)
		}
	}
}

// The numbers of near seeds and of near elements have the mean, variance and correlation of independent uniform ones.
func TestStream(t *testing.T) {
	const n = 100_000
	for _, seed := range []uint64{0, 1, 1<<32 - 1, 0xcbf29ce484222325} {
		a := New(seed)
		off := func(what string, sum, deviation float64) { // sum is that of n numbers with mean 0
			if math.Abs(sum/n) > 5*deviation/math.Sqrt(n) {
				t.Errorf("seed %#x: %s is off by %v", seed, what, sum/n)
			}
		}
		correlation := func(what string, b Stream, lag int) {
			sum := 0.0
			for i := range n {
				sum += (float64(a.Uniform(i)) - 0.5) * (float64(b.Uniform(i+lag)) - 0.5)
			}
			off("the correlation with "+what, sum, 1.0/12)
		}
		var mean, variance float64
		var ones [32]float64
		var cells [256]float64 // of pairs of neighbours
		for i := range n {
			u := float64(a.Uniform(i))
			if u < 0 || u >= 1 {
				t.Fatalf("number %d is %v", i, u)
			}
			mean += u - 0.5
			variance += (u-0.5)*(u-0.5) - 1.0/12
			for bit := range ones {
				ones[bit] += float64(a.bits(i)>>bit&1) - 0.5
			}
			cells[int(16*u)<<4|int(16*a.Uniform(i+1))]++
		}
		off("the mean", mean, math.Sqrt(1.0/12))
		off("the variance", variance, math.Sqrt(1.0/180))
		for bit := range ones {
			off("a bit", ones[bit], 0.5)
		}
		chi := 0.0
		for _, count := range cells {
			chi += (count - n/256.0) * (count - n/256.0) / (n / 256.0)
		}
		if d := chi - 255; math.Abs(d) > 5*math.Sqrt(2*255) { // a sum of 255 squares of normal numbers
			t.Errorf("seed %#x: chi square of pairs is %v, want about 255", seed, chi)
		}
		for _, lag := range []int{1, 2, 3, 16, 64, 512, 1 << 14} {
			correlation("later elements", a, lag)
		}
		for _, d := range []uint64{1, 2, 128, 1 << 31, 1 << 32, 1 << 40, 1 << 63} {
			correlation("another seed", New(seed+d), 0)
			correlation("another seed's next elements", New(seed+d), 1)
		}
	}
}
