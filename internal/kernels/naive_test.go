package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// geometries returns random small convolutions, odd sizes and strides that do
// not divide them included.
func geometries(rng *rand.Rand, n int) []Conv {
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	gs := []Conv{{N: 0, H: 3, W: 3, Cin: 2, Cout: 3, K: 3, Stride: 1, Pad: 1}, {N: 2, H: 5, W: 4, Cin: 3, Cout: 16, K: 1, Stride: 3}}
	for len(gs) < n {
		g := Conv{N: 1 + rng.IntN(5), H: 1 + rng.IntN(9), W: 1 + rng.IntN(19), Cin: pick(1, 3, 4, 16, 17, 32),
			Cout: pick(10, 16, 24, 32, 64), K: pick(1, 3, 5), Stride: pick(1, 2)}
		g.Pad = rng.IntN(g.K)
		if g.Check() == nil && g.MACs() < 1<<20 {
			gs = append(gs, g)
		}
	}
	gs = append(gs, Conv{N: 18, H: 4, W: 5, Cin: 3, Cout: 33, K: 3, Stride: 1, Pad: 1},
		Conv{N: 2, H: 4, W: 5, Cin: 256, Cout: 144, K: 1, Stride: 1}, Conv{N: 2, H: 5, W: 4, Cin: 128, Cout: 16, K: 3, Stride: 2, Pad: 1})
	gs = append(gs, Conv{N: 2, H: 71, W: 35, Cin: 16, Cout: 16, K: 1, Stride: 2}, // large enough to be fetched in parts
		Conv{N: 2, H: 67, W: 37, Cin: 16, Cout: 16, K: 3, Stride: 2, Pad: 1})
	gs = append(gs, Conv{N: 2, H: 13, W: 17, Cin: 3, Cout: 32, K: 7, Stride: 2, Pad: 3}, // the first ones of networks for large images
		Conv{N: 2, H: 23, W: 19, Cin: 3, Cout: 16, K: 11, Stride: 4}, Conv{N: 2, H: 24, W: 12, Cin: 3, Cout: 16, K: 12, Stride: 4}, Conv{N: 2, H: 6, W: 7, Cin: 4, Cout: 24, K: 2, Stride: 2})
	for range n / 8 { // those that are computed by Winograd's filtering
		gs = append(gs, Conv{N: 1 + rng.IntN(3), H: 4 + rng.IntN(6), W: 4 + rng.IntN(16), Cin: pick(16, 32), Cout: pick(16, 32, 48, 80), K: 3, Stride: 1, Pad: 1})
	}
	return gs
}

func normal(rng *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(rng.NormFloat64())
	}
	return s
}

// taps calls f(output, input, weight pixel index) for each product of the
// convolution that does not fall on padding.
func taps(g Conv, f func(out, in, tap int)) {
	for n := range g.N {
		for i := range g.OutH() {
			for j := range g.OutW() {
				for r := range g.K {
					for s := range g.K {
						h, w := i*g.Stride+r-g.Pad, j*g.Stride+s-g.Pad
						if h >= 0 && h < g.H && w >= 0 && w < g.W {
							f((n*g.OutH()+i)*g.OutW()+j, (n*g.H+h)*g.W+w, r*g.K+s)
						}
					}
				}
			}
		}
	}
}

// sums holds the naive sum of products in float64 and of their magnitudes.
type naive struct{ sum, mag []float64 }

func newNaive(n int) naive { return naive{make([]float64, n), make([]float64, n)} }

func (s naive) add(i int, x, y float32) {
	v := float64(x) * float64(y)
	s.sum[i] += v
	s.mag[i] += math.Abs(v)
}

// check allows 2^-20 of the sum of magnitudes: a chain of n additions is off by
// at most n*2^-24 of it, and typically by much less.
func (s naive) check(t *testing.T, what string, g Conv, got []float32) {
	t.Helper()
	for i, v := range got {
		if d := math.Abs(float64(v) - s.sum[i]); !(d <= s.mag[i]*0x1p-20) {
			t.Fatalf("%s %+v: element %d = %g, want %g", what, g, i, v, s.sum[i])
		}
	}
}
