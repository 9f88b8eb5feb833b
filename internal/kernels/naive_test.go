package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// geometries returns random small convolutions: odd sizes, strides that do not divide them, kernels and padding that differ
// by axis and side, groups and depthwise ones.
func geometries(rng *rand.Rand, n int) []Conv {
	if testing.Short() { // as under the race detector: workers share no more in one shape than in another
		n /= 8
	}
	gs := append(denseGeometries(rng, n), Conv{N: 2, H: 37, W: 41, Cin: 40, Cout: 40, Groups: 40}.Square(5, 2, 2)) // in several strips
	for range n {
		if g := anyGeometry(rng); g.Check() == nil && g.MACs() < 1<<17 {
			gs = append(gs, g)
		}
	}
	return gs
}

// anyGeometry draws a convolution that may be none.
func anyGeometry(rng *rand.Rand) Conv {
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	g := Conv{N: 1 + rng.IntN(4), H: 1 + rng.IntN(12), W: 1 + rng.IntN(19), Kernel: Size{pick(1, 1, 2, 3, 3, 5, 7, 10, 11), pick(1, 1, 2, 3, 3, 4, 5, 7, 11)},
		Stride: Size{pick(1, 1, 2, 3, 4), pick(1, 1, 2, 3, 4)}}
	g.Pad = Border{rng.IntN(g.Kernel.H), rng.IntN(g.Kernel.W), rng.IntN(g.Kernel.H), rng.IntN(g.Kernel.W)}
	switch rng.IntN(4) {
	case 0:
		g.Cin, g.Cout = pick(1, 2, 3, 5, 8, 24, 40), pick(1, 3, 8, 16, 24, 40)
	case 1, 2:
		g.Groups = pick(2, 3, 8, 16, 24, 40, 33)
		g.Cin, g.Cout = g.Groups, g.Groups
	default:
		g.Groups = pick(2, 3, 4, 8)
		g.Cin, g.Cout = g.Groups*pick(1, 2, 4, 16), g.Groups*pick(1, 3, 4, 16)
	}
	if rng.IntN(8) == 0 { // as Winograd's filtering wants each group
		g = g.Square(3, 1, 1)
	}
	return g
}

// denseGeometries returns ungrouped convolutions with square kernels.
func denseGeometries(rng *rand.Rand, n int) []Conv {
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	gs := []Conv{Conv{N: 0, H: 3, W: 3, Cin: 2, Cout: 3}.Square(3, 1, 1), Conv{N: 2, H: 5, W: 4, Cin: 3, Cout: 16}.Square(1, 3, 0)}
	for len(gs) < n {
		kernel := pick(1, 3, 5)
		g := Conv{N: 1 + rng.IntN(5), H: 1 + rng.IntN(9), W: 1 + rng.IntN(19), Cin: pick(1, 3, 4, 16, 17, 32),
			Cout: pick(10, 16, 24, 32, 64)}.Square(kernel, pick(1, 2), rng.IntN(kernel))
		if g.Check() == nil && g.MACs() < 1<<20 {
			gs = append(gs, g)
		}
	}
	gs = append(gs, Conv{N: 18, H: 4, W: 5, Cin: 3, Cout: 33}.Square(3, 1, 1),
		Conv{N: 2, H: 4, W: 5, Cin: 256, Cout: 144}.Square(1, 1, 0), Conv{N: 2, H: 5, W: 4, Cin: 128, Cout: 16}.Square(3, 2, 1))
	gs = append(gs, Conv{N: 2, H: 71, W: 35, Cin: 16, Cout: 16}.Square(1, 2, 0), // large enough to be fetched in parts
		Conv{N: 2, H: 67, W: 37, Cin: 16, Cout: 16}.Square(3, 2, 1))
	gs = append(gs, Conv{N: 2, H: 13, W: 17, Cin: 3, Cout: 32}.Square(7, 2, 3), // the first ones of networks for large images
		Conv{N: 2, H: 23, W: 19, Cin: 3, Cout: 16}.Square(11, 4, 0), Conv{N: 2, H: 24, W: 12, Cin: 3, Cout: 16}.Square(12, 4, 0), Conv{N: 2, H: 6, W: 7, Cin: 4, Cout: 24}.Square(2, 2, 0))
	for range n / 8 { // those that are computed by Winograd's filtering
		gs = append(gs, Conv{N: 1 + rng.IntN(3), H: 4 + rng.IntN(6), W: 4 + rng.IntN(16), Cin: pick(16, 32), Cout: pick(16, 32, 48, 80)}.Square(3, 1, 1))
	}
	gs = append(gs, Conv{N: 2, H: 12, W: 13, Cin: 64, Cout: 80}.Square(3, 1, 1), Conv{N: 1, H: 15, W: 14, Cin: 80, Cout: 64}.Square(3, 1, 1))
	return gs
}

func normal(rng *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(rng.NormFloat64())
	}
	return s
}

// products calls f(output, input, weight) for each product of the
// convolution that does not fall on padding.
func products(g Conv, f func(out, in, weight int)) {
	cin, cout := g.Cin/max(g.Groups, 1), g.Cout/max(g.Groups, 1)
	for n := range g.N {
		for i := range g.OutH() {
			for j := range g.OutW() {
				for r := range g.Kernel.H {
					for s := range g.Kernel.W {
						h, w := i*g.Stride.H+r-g.Pad.Top, j*g.Stride.W+s-g.Pad.Left
						if h < 0 || h >= g.H || w < 0 || w >= g.W {
							continue
						}
						for ci := range cin {
							for co := range g.Cout {
								f(((n*g.OutH()+i)*g.OutW()+j)*g.Cout+co, ((n*g.H+h)*g.W+w)*g.Cin+co/cout*cin+ci, ((r*g.Kernel.W+s)*cin+ci)*g.Cout+co)
							}
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
