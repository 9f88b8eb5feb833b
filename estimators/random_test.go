package estimators

import (
	"math"
	"testing"
)

// From the state 0, splitmix64 gives these numbers first (Vigna's splitmix64.c); a stream that starts at 0 is that.
func TestSplitmix(t *testing.T) {
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := draws(0).bits(i); got != want {
			t.Errorf("number %d is %#x, want %#x", i, got, want)
		}
	}
}

// The numbers of near seeds and of near elements have the mean, variance and correlation of independent uniform ones.
func TestDraws(t *testing.T) {
	const n = 100_000
	a, b := newDraws(1), newDraws(2)
	var sum, squares, next, other float64
	for i := range n {
		u := float64(a.uniform(i))
		if u < 0 || u >= 1 {
			t.Fatalf("number %d is %v", i, u)
		}
		sum += u
		squares += u * u
		next += (u - 0.5) * (float64(a.uniform(i+1)) - 0.5)
		other += (u - 0.5) * (float64(b.uniform(i)) - 0.5)
	}
	for name, d := range map[string]float64{ // each is normal with a standard deviation of at most 0.3/sqrt(n)
		"mean": sum/n - 0.5, "mean square": squares/n - 1.0/3, "next": next / n, "other seed": other / n,
	} {
		if math.Abs(d) > 5*0.3/math.Sqrt(n) {
			t.Errorf("%s is off by %v", name, d)
		}
	}
}
