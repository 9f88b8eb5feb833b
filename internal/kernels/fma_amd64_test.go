//go:build !noasm

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The emulated fused multiply-add, against the CPU's, signs of zeros included.
func TestFMAIsTheCPUs(t *testing.T) {
	onPaths(t, func(t *testing.T, _ func(func())) {
		rng := rand.New(rand.NewPCG(27, 28))
		ar := &arena{rng: rng}
		const n = 1 << 16
		x, a, b, y, want := ar.special(n), ar.special(n), ar.special(n), ar.floats(n), ar.floats(n)
		for i := range n {
			switch i % 4 {
			case 0: // anything
				x[i], a[i], b[i] = math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32())
			case 1: // near ties
				x[i], a[i], b[i] = 1+float32(rng.IntN(4))*0x1p-23, 0x1p-24*(1+float32(rng.IntN(5)-2)*0x1p-23), 1+float32(rng.IntN(8))*0x1p-23
			case 2: // cancellation, exact zeros
				b[i] = -x[i] * a[i]
			}
			want[i] = fma32(x[i], a[i], b[i])
		}
		affineRow(y, x, a, b)
		same(t, "fma32", y, want)
	})
}
