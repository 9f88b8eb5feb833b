package kernels

import (
	"math"

	"github.com/qat-go/qat/internal/random"
)

// Staircase is a quantizer of which the gradient between levels may depend on the distance from the level, with one scale
// for a whole array:
//
//	v = max(x/Scale, Floor),  q = roundHalfEven(clip(v, Qn, Qp)),  code = q + ZeroPoint,  y = Unit*q + Offset
//	h = dy + Delta*|dy|*(v - q) where Qn <= v <= Qp, else 0,  dx = Slope*h where v != Floor, else 0
//
// (Lee et al. 2021, arXiv 2104.00903, section 3; with Delta 0 the clipped straight-through estimator.) Floor
// is a ReLU ahead of the quantizer, or -Inf. An offset of x is the caller's. With a Ladder, q is its level, whatever Qn and
// Qp are, and Delta is 0. With a Bell, h follows from that; with a ladder beside it DyQ has no meaning. If Random, q is
// clip(v, Qn, Qp) rounded by [Staircase.Picture]'s numbers, without ladder and bell, and Delta is 0.
type Staircase struct {
	Step
	Floor, Delta, Slope float32
	Unit, Offset        float32
	Ladder              *Ladder
	Bell                *Bell
	Random              bool
	Seed                uint64
}

// MaxLevels is how many levels a ladder has at most.
const MaxLevels = 16

// Ladder are uneven levels, ascending: that of v is Levels[i], with i the number of thresholds below v. Assembly
// knows where its fields are. [NewLadder] fills it.
type Ladder struct {
	Levels     [MaxLevels]float32
	Thresholds [MaxLevels - 1]float32 // ascending
	Rungs      int                    // how many thresholds are in use; the others are +Inf
}

// NewLadder returns the ladder of 1 to MaxLevels levels and the thresholds between them.
func NewLadder(levels, thresholds []float32) *Ladder {
	l := &Ladder{Rungs: len(levels) - 1}
	copy(l.Levels[:], levels)
	for i := range l.Thresholds {
		l.Thresholds[i] = float32(math.Inf(1))
	}
	copy(l.Thresholds[:l.Rungs], thresholds)
	return l
}

func (l *Ladder) level(v float32) float32 {
	i := 0
	for i < l.Rungs && v > l.Thresholds[i] {
		i++
	}
	return l.Levels[i]
}

// of returns v and its level, of element i.
func (q *Staircase) of(x float32, i int) (v, c, level float32) {
	if v = x / q.Scale; !(v > q.Floor) {
		v = q.Floor
	}
	c = v
	if !(c > q.Qn) {
		c = q.Qn
	}
	if c > q.Qp {
		c = q.Qp
	}
	switch {
	case q.Ladder != nil:
		return v, c, q.Ladder.level(v)
	case q.Random:
		return v, c, random.New(q.Seed).Round(c, i)
	}
	return v, c, roundEven(c)
}

// at returns, of element i, v, the level, what of dy passes, and what stands beside dy in DyBell.
func (q *Staircase) at(x, dy float32, i int) (v, level, h, term float32) {
	v, c, level := q.of(x, i)
	switch {
	case q.Bell != nil:
		height, t := q.Bell.at(v)
		if v == c {
			h, term = float32(dy*height), t
		}
	case v == c:
		h = fma32(float32(q.Delta*float32(math.Abs(float64(dy)))), v-level, dy)
	}
	return v, level, h, term
}

// Picture returns the quantizer of picture n. If Random, it draws number i of the seed Seed + n for element i of the
// picture, in every walk the same.
func (q *Staircase) Picture(n int) Staircase {
	p := *q
	p.Seed += uint64(n)
	return p
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
	step := q.Step
	step.Qn = max(step.Qn, min(q.Floor, step.Qp)) // the code of the floor, whatever is below
	affineQuantizeRow(codes[:len(z)], z, a, b[:len(a)], &step)
}

// StaircaseRow writes the quantized values of z*a[c] + b[c]; y may be z.
func StaircaseRow(y, z, a, b []float32, q *Staircase) {
	staircaseRow(y[:len(z)], z, a, b[:len(a)], q)
}

// StaircaseSums is the Loop of the first backward pass over a quantizer of z*a[c] + b[c]: with dx the gradient that passes,
// Sum[c] adds up dx and Dot[c] dx*(z - Shift[c]); DyQ adds up dy*q, Dy dy, HV h*v and H h over all elements. Sums run as
// those of [StepSums].
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

// LevelSums are sums over elements that the gradients of learned parameters are made of.
type LevelSums struct{ DyQ, Dy, HV, H, DyBell float64 }

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
	l.LevelSums = LevelSums{total[0], total[1], total[2], total[3], total[4]}
}

// StaircaseGradRow is the second backward pass: dz = h*p[c] + (z*q[c] + r[c]). dz may be dy.
func StaircaseGradRow(dz, dy, z, a, b, p, q, r []float32, step *Staircase) {
	c := len(a)
	staircaseGradRow(dz[:len(z)], dy[:len(z)], z, a, b[:c], p[:c], q[:c], r[:c], step)
}

func staircaseRowGeneric(y, z, a, b []float32, q *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			_, _, level := q.of(fma32(z[i+j], f, b[j]), i+j)
			y[i+j] = float32(level*q.Unit) + q.Offset
		}
	}
}

func levelCodesRowGeneric(codes []uint8, z, a, b []float32, q *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			_, _, level := q.of(fma32(z[i+j], f, b[j]), i+j)
			codes[i+j] = uint8(int(level) + int(q.ZeroPoint))
		}
	}
}

// passing returns the gradient that passes at x, of element i, and adds to the parts.
func (q *Staircase) passing(parts *[5 * lanes]float32, i int, x, dy float32) float32 {
	l := i % lanes
	v, level, h, term := q.at(x, dy, i)
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
			dx := q.passing(parts, i+j, fma32(z[i+j], f, b[j]), dy[i+j])
			sum[j] += dx
			dot[j] = fma32(dx, z[i+j]-shift[j], dot[j])
		}
	}
}

func staircasePassRowGeneric(dx []float32, parts *[5 * lanes]float32, dy, x []float32, offset float32, q *Staircase) {
	for i, v := range x {
		dx[i] = q.passing(parts, i, v+offset, dy[i])
	}
}

func staircaseGradRowGeneric(dz, dy, z, a, b, p, q, r []float32, step *Staircase) {
	c := len(a)
	for i := 0; i < len(z); i += c {
		for j, f := range a {
			x := z[i+j]
			v, _, h, _ := step.at(fma32(x, f, b[j]), dy[i+j], i+j)
			if v == step.Floor {
				h = 0
			}
			dz[i+j] = fma32(h, p[j], fma32(x, q[j], r[j]))
		}
	}
}
