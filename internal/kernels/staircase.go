package kernels

import "math"

// Staircase is a uniform quantizer of which the gradient between levels may depend on the distance from the level, with one
// scale for a whole array:
//
//	v = max(x/Scale, Floor),  q = roundHalfEven(clip(v, Qn, Qp)),  code = q + ZeroPoint
//	h = dy + Delta*|dy|*(v - q) where Qn <= v <= Qp, else 0,  dx = Slope*h where v != Floor, else 0
//
// (Lee et al. 2021, arXiv 2104.00903, section 3; with Delta 0 the clipped straight-through estimator.) Floor
// is a ReLU ahead of the quantizer, or -Inf. An offset of x is the caller's.
type Staircase struct {
	Step
	Floor, Delta, Slope float32
}

// at returns v, the level and what of dy passes.
func (q *Staircase) at(x, dy float32) (v, level, h float32) {
	if v = x / q.Scale; !(v > q.Floor) {
		v = q.Floor
	}
	c := v
	if !(c > q.Qn) {
		c = q.Qn
	}
	if c > q.Qp {
		c = q.Qp
	}
	level = roundEven(c)
	if v == c {
		h = fma32(float32(q.Delta*float32(math.Abs(float64(dy)))), v-level, dy)
	}
	return v, level, h
}

// StaircaseSums is the Loop of the first backward pass over a quantizer of z*a[c] + b[c]: with dx the gradient that passes,
// Sum[c] adds up dx and Dot[c] dx*(z - Shift[c]); DyQ adds up dy*q, Dy dy, HV h*v and H h over all elements. Sums run as
// those of [StepSums].
type StaircaseSums struct {
	anyCut
	Sum, Dot       []float64
	DyQ, Dy, HV, H float64
	Z, DY          Pictures[float32]
	A, B, Shift    []float32
	Q              Staircase
	N              int
	part           []float32 // [picture][2 channels + 4*16]
}

// Begin implements Loop.
func (l *StaircaseSums) Begin(*Pool) {
	l.part = grow(l.part, l.N*(2*len(l.A)+4*lanes))
	clear(l.part)
}

// Picture implements Loop.
func (l *StaircaseSums) Picture(s *Scratch, _, n int) {
	c := len(l.A)
	part := l.part[n*(2*c+4*lanes):][:2*c+4*lanes]
	staircaseSumsRow(part[:c], part[c:2*c], (*[4 * lanes]float32)(part[2*c:]), l.DY.At(s, n), l.Z.At(s, n), l.A, l.B[:c], l.Shift[:c], &l.Q)
}

// End implements Loop.
func (l *StaircaseSums) End(*Pool) {
	c := len(l.A)
	clear(l.Sum)
	clear(l.Dot)
	var total [4]float64
	for n := range l.N {
		p := l.part[n*(2*c+4*lanes):][:2*c+4*lanes]
		for j := range c {
			l.Sum[j] += float64(p[j])
			l.Dot[j] += float64(p[c+j])
		}
		for i, v := range p[2*c:] {
			total[i/lanes] += float64(v)
		}
	}
	l.DyQ, l.Dy, l.HV, l.H = total[0], total[1], total[2], total[3]
}

// StaircaseGradRow is the second backward pass: dz = h*p[c] + (z*q[c] + r[c]). dz may be dy.
func StaircaseGradRow(dz, dy, z, a, b, p, q, r []float32, step *Staircase) {
	c := len(a)
	staircaseGradRow(dz[:len(z)], dy[:len(z)], z, a, b[:c], p[:c], q[:c], r[:c], step)
}

func staircaseSumsRowGeneric(sum, dot []float32, parts *[4 * lanes]float32, dy, z, a, b, shift []float32, q *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			g, l := dy[i+j], (i+j)%lanes
			v, level, h := q.at(fma32(z[i+j], f, b[j]), g)
			parts[l] = fma32(g, level, parts[l])
			parts[lanes+l] += g
			parts[2*lanes+l] = fma32(h, v, parts[2*lanes+l])
			parts[3*lanes+l] += h
			dx := float32(h * q.Slope)
			if v == q.Floor {
				dx = 0
			}
			sum[j] += dx
			dot[j] = fma32(dx, z[i+j]-shift[j], dot[j])
		}
	}
}

func staircaseGradRowGeneric(dz, dy, z, a, b, p, q, r []float32, step *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			x := z[i+j]
			v, _, h := step.at(fma32(x, f, b[j]), dy[i+j])
			if v == step.Floor {
				h = 0
			}
			dz[i+j] = fma32(h, p[j], fma32(x, q[j], r[j]))
		}
	}
}
