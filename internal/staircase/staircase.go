// Package staircase says what a quantizer of activations with one scale does, for methods, which declare it, and for
// kernels, which compute it.
package staircase

import "math"

// Staircase is a quantizer of which the gradient between levels may depend on the distance from the level, with one scale
// for a whole array:
//
//	v = max((x - Shift)/Scale, Floor),  q = roundHalfEven(clip(v, Lo, Hi)),  code = q + Zero,  y = Unit*q + Offset
//	h = dy + Delta*|dy|*(v - q) where Lo <= v <= Hi, else 0,  dx = Slope*h where v != Floor, else 0
//
// (Lee et al. 2021, arXiv 2104.00903, section 3; with Delta 0 the clipped straight-through estimator.) Floor is a ReLU
// ahead of the quantizer, or -Inf. With a Ladder, q is its level, whatever Lo and Hi are, and Delta is 0. With a Bell, h
// follows from that; with a ladder beside it DyQ of [Sums] has no meaning. If Random, q is clip(v, Lo, Hi) rounded up with
// the probability v - floor(v), by the numbers of Seed, without ladder and bell, and Delta is 0.
type Staircase struct {
	Scale, Shift, Lo, Hi float32
	Unit, Offset         float32
	Zero                 int
	Floor                float32
	Delta, Slope         float32
	Ladder               *Ladder
	Bell                 *Bell
	Random               bool
	Seed                 uint64
}

// Even returns levels from lo to hi, in units of the scale, with the clipped gradient.
func Even(scale, lo, hi float32) Staircase {
	return Staircase{Scale: scale, Lo: lo, Hi: hi, Unit: scale, Slope: 1, Floor: float32(math.Inf(-1))}
}

// Picture returns the quantizer of picture n. If Random, it draws number i of the seed Seed + n for element i of the
// picture, in every walk the same.
func (q *Staircase) Picture(n int) Staircase {
	p := *q
	p.Seed += uint64(n)
	return p
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

// Level is that of v.
func (l *Ladder) Level(v float32) float32 {
	i := 0
	for i < l.Rungs && v > l.Thresholds[i] {
		i++
	}
	return l.Levels[i]
}

// Bell is the slope of a soft step in place of a hard one, as a function of the distance d of v from the nearest step:
//
//	u = exp(-K*|d|),  height = 4u/(1 + u)^2 * (A - B*K*|d|*(1 - u)/(1 + u));  height = A - K*|d| if Linear
//
// With B = 0 that is A*(1 - tanh(K*d/2)^2). The one step is at 0 or, with Many, one is halfway between all levels:
// d = v - floor(v) - 1/2. A [Staircase] with a bell has h = dy*height in range, and DyBell of [Sums] adds up
// dy*(P*tanh(K*d/2) + Q*d*(1 - tanh(K*d/2)^2)) there. Assembly knows where its fields are.
type Bell struct {
	K, A, B, P, Q float32
	Many          float32 // 1 or 0
	Linear        uint32  // [Yes] or 0
}

// Yes is Linear where it holds: all ones.
const Yes = math.MaxUint32

// Sums are sums over elements, with h, v and q of [Staircase], that the gradients of learned parameters are made of.
type Sums struct{ DyQ, Dy, HV, H, DyBell float64 }
