package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestElementwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, c := range []int{1, 3, 16, 40} {
		n := c * (1 + 1000/c)
		x, g, a, b, d, y := normal(rng, n), normal(rng, n), normal(rng, c), normal(rng, c), normal(rng, c), make([]float32, n)
		each := func(what string, want func(i int) float32) {
			t.Helper()
			for i, v := range y {
				if w := want(i); v != w {
					t.Fatalf("%s, %d channels: y[%d] = %g, want %g", what, c, i, v, w)
				}
			}
		}
		ReLURow(y, x)
		each("relu", func(i int) float32 { return max(x[i], 0) })
		ReLUGradRow(y, x, g)
		each("relu gradient", func(i int) float32 {
			if x[i] > 0 {
				return g[i]
			}
			return 0
		})
		AddRow(y, x, g)
		each("add", func(i int) float32 { return x[i] + g[i] })
		AffineRow(y, x, a, b)
		each("affine", func(i int) float32 { return exactSmall(x[i], a[i%c], b[i%c]) })
		Affine2Row(y, g, x, a, b, d)
		each("affine2", func(i int) float32 { return exactSmall(g[i], a[i%c], exactSmall(x[i], b[i%c], d[i%c])) })
	}
	y := []float32{0, 0, 0, 0}
	ReLURow(y, []float32{nan, float32(math.Copysign(0, -1)), infp, -infp})
	if !slices.Equal(bits(y), bits([]float32{0, 0, infp, 0})) {
		t.Errorf("relu: %v", y)
	}
}

// exactSmall is exactFMA for numbers of similar size, by a float64 fused
// multiply-add: its error is far below float32's.
func exactSmall(x, y, z float32) float32 {
	return float32(math.FMA(float64(x), float64(y), float64(z)))
}

func TestChannelSums(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	rng := rand.New(rand.NewPCG(15, 16))
	for _, c := range []int{1, 3, 16, 33} {
		const pictures, pixels = 5, 40
		n := pictures * pixels * c
		x, dy, shift := normal(rng, n), normal(rng, n), normal(rng, c)
		want := newNaive(4 * c)
		for i := range x {
			v := x[i] - shift[i%c]
			want.add(i%c, v, 1)
			want.add(c+i%c, v, v)
			want.add(2*c+i%c, dy[i], 1)
			want.add(3*c+i%c, dy[i], v)
		}
		got := make([]float64, 4*c)
		ChannelMoments(p, pictures, got[:c], got[c:2*c], x, shift)
		ChannelGradSums(p, pictures, got[2*c:3*c], got[3*c:], dy, x, shift)
		for i, v := range got {
			if math.Abs(v-want.sum[i]) > want.mag[i]*0x1p-21 {
				t.Errorf("%d channels: sum %d of channel %d = %g, want %g", c, i/c, i%c, v, want.sum[i])
			}
		}
	}
}
