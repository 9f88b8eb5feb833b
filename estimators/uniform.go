package estimators

import (
	"errors"
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/random"
)

// levels are the evenly spaced levels of one channel, which most methods share:
//
//	v = (x - b)/s,  q = round(clip(v, lo, hi)),  y = scale*m + base
//
// where m = q, or m = 2q - hi if the levels are odd: 2^k levels symmetric about 0 are odd multiples of half
// their distance. The code is m + zero.
type levels struct {
	lo, hi      float32
	s, b        float32
	scale, base float32
	odd         bool
	zero        int32
}

// evenLevels are s*q for lo <= q <= hi.
func evenLevels(lo, hi int, s float32) levels {
	return levels{lo: float32(lo), hi: float32(hi), s: s, scale: s}
}

// oddLevels are the 2^bits levels from -end to end.
func oddLevels(bits int, end float32) levels {
	n := float32(int(1)<<bits - 1)
	return levels{hi: n, s: end / n * 2, b: -end, scale: end / n, odd: true}
}

// channels returns one element for each channel, in buf if that is enough: a call on activations allocates nothing.
func channels[T any](buf []T, n int) []T {
	if n <= len(buf) {
		return buf[:n]
	}
	return make([]T, n)
}

// rounding is how v is rounded and what stands for the derivative of that; zero is to nearest with the clipped STE.
type rounding struct {
	ste    STE // nil is Clipped
	random bool
	draws  random.Stream
}

// round rounds the clipped v of element i, to nearest or at random: up with the probability v - floor(v).
func (r *rounding) round(v float32, i int) float32 {
	if r.random {
		return r.draws.Round(v, i)
	}
	return float32(math.RoundToEven(float64(v)))
}

// passing tells the gradients that need no interface call for each element.
type passing int

const (
	passClipped passing = iota
	passIdentity
	passSTE
)

func (r *rounding) passing() passing {
	switch r.ste.(type) {
	case nil, Clipped:
		return passClipped
	case Identity:
		return passIdentity
	}
	return passSTE
}

// grad is dL/dv in the unit of g. All STEs are proportional to |g|, so g = dL/dy stands for dL/dq: the scale cancels.
func (r *rounding) grad(how passing, g, v, q float32, l *levels) float32 {
	switch {
	case how == passSTE:
		return r.ste.Grad(g, v, q, l.lo, l.hi)
	case how == passIdentity || l.lo <= v && v <= l.hi:
		return g
	}
	return 0
}

// quantize returns code and value of element i; NaN has the code of 0.
func (l *levels) quantize(x float32, r *rounding, i int) (code int32, y float32) {
	q := r.round(min(max((x-l.b)/l.s, l.lo), l.hi), i)
	if q != q {
		code, _ = l.quantize(0, &rounding{}, 0)
		return code, q
	}
	m := int32(q)
	if l.odd {
		m = 2*m - int32(l.hi)
	}
	return m + l.zero, float32(float32(m)*l.scale) + l.base
}

// quantizeLevels writes codes and values; either may be nil.
func quantizeLevels(codes []int32, y, x []float32, ls []levels, r *rounding) error {
	if err := checkOutputs(codes, y, len(x)); err != nil {
		return err
	}
	for i := 0; i < len(x); i += len(ls) {
		for c := range ls {
			code, value := ls[c].quantize(x[i+c], r, i+c)
			if codes != nil {
				codes[i+c] = code
			}
			if y != nil {
				y[i+c] = value
			}
		}
	}
	return nil
}

// sums are what the gradients of learned parameters are made of, for one channel: h = dL/dv in the unit of g = dL/dy,
// and v and m counted from the base, without the zero point.
type sums struct{ gm, g, hv, h float64 }

// scale and offset are the gradients of s and b where they are those of the output too: y = s*q + b.
func (s sums) scale() float64  { return s.gm - s.hv }
func (s sums) offset() float64 { return s.g - s.h }

// backwardLevels writes dx and, if total is not nil, adds to the sums of each channel.
func backwardLevels(dx []float32, total []sums, x, dy []float32, ls []levels, r *rounding) error {
	if err := errors.Join(checkLength("dx", len(dx), len(x)), checkLength("dy", len(dy), len(x))); err != nil {
		return err
	}
	how := r.passing()
	for i := 0; i < len(x); i += len(ls) {
		for c := range ls {
			l, g := &ls[c], dy[i+c]
			v := (x[i+c] - l.b) / l.s
			q := r.round(min(max(v, l.lo), l.hi), i+c)
			h := r.grad(how, g, v, q, l)
			if total != nil {
				total[c].add(g, h, v, q, l)
			}
			if v != v {
				h = 0
			}
			dx[i+c] = h * l.slope()
		}
	}
	return nil
}

// slope is dy/dx along the levels.
func (l *levels) slope() float32 {
	switch {
	case l.odd && l.scale != l.s/2:
		return 2 * l.scale / l.s
	case !l.odd && l.scale != l.s:
		return l.scale / l.s
	}
	return 1
}

func (t *sums) add(g, h, v, q float32, l *levels) {
	zero := float64(l.zero)
	m, w := float64(q)+zero, float64(v)+zero
	if l.odd {
		m = 2*m - float64(l.hi)
	}
	t.gm += float64(g) * m // exact: at most 24 and 17 bits
	t.g += float64(g)
	if h != 0 { // 0 times an infinite v is not 0
		t.hv += float64(float64(h) * w) // the conversion keeps the product from fusing with the sum
		t.h += float64(h)
	}
}

// writeScales writes the scale of each channel.
func writeScales(scale []float32, ls []levels) error {
	if len(scale) != len(ls) {
		return fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(ls))
	}
	for c := range ls {
		scale[c] = ls[c].scale
	}
	return nil
}

// wanted tells a y of no elements from one that is not wanted.
func wanted(y []float32) []float32 {
	if y == nil {
		return []float32{}
	}
	return y
}

// checkFiniteParam reports a parameter that is NaN or infinite.
func checkFiniteParam(name string, values []float32) error {
	for c, v := range values {
		if v-v != 0 { // NaN for NaN and the infinities
			return fmt.Errorf("%s[%d] is %v; expected a finite number", name, c, v)
		}
	}
	return nil
}
