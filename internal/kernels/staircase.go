package kernels

import (
	"math"

	"github.com/qat-go/qat/internal/random"
	"github.com/qat-go/qat/internal/staircase"
)

// Staircase is what the kernels here compute; an offset of x is the caller's: Shift is 0.
type Staircase = staircase.Staircase

// stairOf returns v, clipped too, and its level, of element i.
func stairOf(q *Staircase, x float32, i int) (v, c, level float32) {
	if v = x / q.Scale; !(v > q.Floor) {
		v = q.Floor
	}
	c = v
	if !(c > q.Lo) {
		c = q.Lo
	}
	if c > q.Hi {
		c = q.Hi
	}
	switch {
	case q.Ladder != nil:
		return v, c, q.Ladder.Level(v)
	case q.Random:
		return v, c, random.New(q.Seed).Round(c, i)
	}
	return v, c, roundEven(c)
}

// stairAt returns, of element i, v, the level, what of dy passes, and what stands beside dy in DyBell.
func stairAt(q *Staircase, x, dy float32, i int) (v, level, h, term float32) {
	v, c, level := stairOf(q, x, i)
	switch {
	case q.Bell != nil:
		height, t := bellAt(q.Bell, v)
		if v == c {
			h, term = float32(dy*height), t
		}
	case v == c:
		h = fma32(float32(q.Delta*float32(math.Abs(float64(dy)))), v-level, dy)
	}
	return v, level, h, term
}

// StaircaseCodesRow writes the codes of z*a[c] + b[c].
func StaircaseCodesRow(codes []uint8, z, a, b []float32, q *Staircase) {
	switch {
	case q.Ladder != nil:
		ladderCodesRow(codes[:len(z)], z, a, b[:len(a)], q)
		return
	case q.Random:
		drawnCodesRow(codes[:len(z)], z, a, b[:len(a)], q)
		return
	}
	even := Uniform{Scale: q.Scale, Qp: q.Hi, ZeroPoint: uint8(q.Zero)}
	even.Qn = max(q.Lo, min(q.Floor, q.Hi)) // the code of the floor, whatever is below
	affineQuantizeRow(codes[:len(z)], z, a, b[:len(a)], &even)
}

// StaircaseRow writes the quantized values of z*a[c] + b[c]; y may be z.
func StaircaseRow(y, z, a, b []float32, q *Staircase) {
	staircaseRow(y[:len(z)], z, a, b[:len(a)], q)
}

// StaircaseSums is the Loop of the first backward pass over a quantizer of z*a[c] + b[c]: with dx the gradient that passes,
// Sum[c] adds up dx and Dot[c] dx*(z - Shift[c]); DyQ adds up dy*q, Dy dy, HV h*v and H h over all elements. Sums run as
// those of [UniformSums].
type StaircaseSums struct {
	anyCut
	LevelSums
	Sum, Dot    []float64
	Z, DY       Pictures[float32]
	A, B, Shift []float32
	Q           Staircase
	N           int
	part        []float32 // [picture][2 channels + 5*16]
}

// LevelSums are what gradients of learned parameters are made of.
type LevelSums = staircase.Sums

// Begin implements Loop.
func (l *StaircaseSums) Begin(*Pool) {
	l.part = grow(l.part, l.N*(2*len(l.A)+5*lanes))
	clear(l.part)
}

// Picture implements Loop.
func (l *StaircaseSums) Picture(s *Scratch, _, n int) {
	c := len(l.A)
	part, q := l.part[n*(2*c+5*lanes):][:2*c+5*lanes], l.Q.Picture(n)
	staircaseSumsRow(part[:c], part[c:2*c], (*[5 * lanes]float32)(part[2*c:]), l.DY.At(s, n), l.Z.At(s, n), l.A, l.B[:c], l.Shift[:c], &q)
}

// End implements Loop.
func (l *StaircaseSums) End(*Pool) {
	c := len(l.A)
	clear(l.Sum)
	clear(l.Dot)
	var total [5]float64
	for n := range l.N {
		p := l.part[n*(2*c+5*lanes):][:2*c+5*lanes]
		for j := range c {
			l.Sum[j] += float64(p[j])
			l.Dot[j] += float64(p[c+j])
		}
		for i, v := range p[2*c:] {
			total[i/lanes] += float64(v)
		}
	}
	l.LevelSums = LevelSums{DyQ: total[0], Dy: total[1], HV: total[2], H: total[3], DyBell: total[4]}
}

// StaircaseGradRow is the second backward pass: dz = h*p[c] + (z*q[c] + r[c]). dz may be dy.
func StaircaseGradRow(dz, dy, z, a, b, p, q, r []float32, to *Staircase) {
	c := len(a)
	staircaseGradRow(dz[:len(z)], dy[:len(z)], z, a, b[:c], p[:c], q[:c], r[:c], to)
}

func staircaseRowGeneric(y, z, a, b []float32, q *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			_, _, level := stairOf(q, fma32(z[i+j], f, b[j]), i+j)
			y[i+j] = float32(level*q.Unit) + q.Offset
		}
	}
}

func levelCodesRowGeneric(codes []uint8, z, a, b []float32, q *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			_, _, level := stairOf(q, fma32(z[i+j], f, b[j]), i+j)
			codes[i+j] = uint8(int(level) + q.Zero)
		}
	}
}

// stairPasses returns the gradient that passes at x, of element i, and adds to the parts.
func stairPasses(q *Staircase, parts *[5 * lanes]float32, i int, x, dy float32) float32 {
	l := i % lanes
	v, level, h, term := stairAt(q, x, dy, i)
	parts[l] = fma32(dy, level, parts[l])
	parts[lanes+l] += dy
	parts[2*lanes+l] = fma32(h, v, parts[2*lanes+l])
	parts[3*lanes+l] += h
	if q.Bell != nil {
		parts[4*lanes+l] = fma32(dy, term, parts[4*lanes+l])
	}
	if v == q.Floor {
		return 0
	}
	return float32(h * q.Slope)
}

func staircaseSumsRowGeneric(sum, dot []float32, parts *[5 * lanes]float32, dy, z, a, b, shift []float32, q *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			dx := stairPasses(q, parts, i+j, fma32(z[i+j], f, b[j]), dy[i+j])
			sum[j] += dx
			dot[j] = fma32(dx, z[i+j]-shift[j], dot[j])
		}
	}
}

func staircasePassRowGeneric(dx []float32, parts *[5 * lanes]float32, dy, x []float32, offset float32, q *Staircase) {
	for i, v := range x {
		dx[i] = stairPasses(q, parts, i, v+offset, dy[i])
	}
}

func staircaseGradRowGeneric(dz, dy, z, a, b, p, q, r []float32, to *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			x := z[i+j]
			v, _, h, _ := stairAt(to, fma32(x, f, b[j]), dy[i+j], i+j)
			if v == to.Floor {
				h = 0
			}
			dz[i+j] = fma32(h, p[j], fma32(x, q[j], r[j]))
		}
	}
}
