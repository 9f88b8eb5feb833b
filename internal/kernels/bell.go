package kernels

import (
	"math"

	"github.com/qat-go/qat/internal/staircase"
)

// power are the coefficients of 2^f on [-1/2, 1/2], in the order of the powers of f.
var power = func() (c [8]float32) {
	x := 1.0
	for i := range c {
		c[i] = float32(x)
		x *= math.Ln2 / float64(i+1)
	}
	return c
}()

// bellAt returns the height at v, and what stands beside dy in DyBell.
func bellAt(b *staircase.Bell, v float32) (height, term float32) {
	d := v - float32((float32(math.Floor(float64(v)))+0.5)*b.Many)
	w := float32(math.Float32frombits(math.Float32bits(d)&^(1<<31)) * b.K)
	t := float32(w * float32(-math.Log2E))
	if !(t > -125) {
		t = -125
	}
	n := roundEven(t)
	t -= n
	u := power[7]
	for i := 6; i >= 0; i-- {
		u = fma32(u, t, power[i])
	}
	u = math.Float32frombits(math.Float32bits(u) + uint32(int32(n))<<23)
	inverse := 1 / (1 + u)
	tanh := float32((1 - u) * inverse)
	square := float32(float32(float32(u*inverse)*inverse) * 4)
	if b.Linear != 0 {
		height = b.A - w
	} else {
		height = float32(fma32(-float32(w*b.B), tanh, b.A) * square)
	}
	signed := math.Float32frombits(math.Float32bits(tanh) ^ math.Float32bits(d)&(1<<31))
	return height, fma32(float32(d*b.Q), square, float32(signed*b.P))
}
