package kernels

import "math"

// Bell is the slope of a soft step in place of a hard one, as a function of the distance d of v from the nearest step:
//
//	u = exp(-K*|d|),  height = 4u/(1 + u)^2 * (A - B*K*|d|*(1 - u)/(1 + u));  height = A - K*|d| if Linear
//
// With B = 0 that is A*(1 - tanh(K*d/2)^2). The one step is at 0 or, with Many, one is halfway between all levels:
// d = v - floor(v) - 1/2. A [Staircase] with a bell has h = dy*height in range, and DyBell adds up
// dy*(P*tanh(K*d/2) + Q*d*(1 - tanh(K*d/2)^2)) there. Assembly knows where its fields are; [NewBell] fills it.
type Bell struct {
	K, A, B, P, Q float32
	many          float32 // 1 or 0
	linear        uint32  // all ones, or 0
}

// NewBell returns the bell of these numbers.
func NewBell(k, a, b, p, q float32, many, linear bool) *Bell {
	l := &Bell{K: k, A: a, B: b, P: p, Q: q}
	if many {
		l.many = 1
	}
	if linear {
		l.linear = math.MaxUint32
	}
	return l
}

// power are the coefficients of 2^f on [-1/2, 1/2], in the order of the powers of f.
var power = func() (c [8]float32) {
	x := 1.0
	for i := range c {
		c[i] = float32(x)
		x *= math.Ln2 / float64(i+1)
	}
	return c
}()

// at returns the height at v, and what stands beside dy in DyBell.
func (b *Bell) at(v float32) (height, term float32) {
	d := v - float32((float32(math.Floor(float64(v)))+0.5)*b.many)
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
	if b.linear != 0 {
		height = b.A - w
	} else {
		height = float32(fma32(-float32(w*b.B), tanh, b.A) * square)
	}
	signed := math.Float32frombits(math.Float32bits(tanh) ^ math.Float32bits(d)&(1<<31))
	return height, fma32(float32(d*b.Q), square, float32(signed*b.P))
}
