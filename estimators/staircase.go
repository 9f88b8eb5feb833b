package estimators

import (
	"errors"
	"math"

	"github.com/qat-go/qat/internal/staircase"
)

// Staircase is what kernels need to know of an estimator of activations with one scale and a gradient that is clipped, or
// depends on the distance from the level.
type Staircase = staircase.Staircase

// MaxStairs is how many uneven levels a staircase has at most.
const MaxStairs = staircase.MaxLevels

// StaircaseSums are sums over elements of which the gradients of learned parameters are made.
type StaircaseSums = staircase.Sums

// Stepped is an estimator that may be a staircase.
type Stepped interface {
	Estimator

	// Staircase returns the levels for the parameters; ok is false where the rounding has another gradient, or there are too
	// many levels. It depends on no value of a parameter or of an option, which a schedule may change.
	Staircase(p Params) (s Staircase, ok bool, err error)

	// Gradients writes the gradients of the parameters for n elements, as Backward does.
	Gradients(dp Params, p Params, sums StaircaseSums, n int) error
}

var (
	_ Stepped = Sign{}
	_ Stepped = DSQ{}
	_ Stepped = DSQInteger{}
	_ Stepped = LSQ{}
	_ Stepped = Stochastic{}
	_ Stepped = LSQPlus{}
	_ Stepped = LSQPlusInteger{}
	_ Stepped = EWGS{}
	_ Stepped = QIL{}
	_ Stepped = APoT{}
	_ Stepped = HWGQ{}
	_ Stepped = LQNets{}
)

// staircase is that of one channel's levels.
func (l *levels) staircase(ste STE) (Staircase, bool) {
	s := staircase.Even(l.s, l.lo, l.hi)
	s.Shift, s.Unit, s.Offset, s.Zero, s.Slope = l.b, l.scale, l.base, int(l.zero), l.slope()
	switch e := ste.(type) {
	case nil, Clipped:
	case ElementwiseScaling:
		s.Delta = e.Delta / (l.hi - l.lo)
	case SoftStaircase:
		s.Bell = e.bell(l.s)
	default:
		return s, false
	}
	return s, !l.odd
}

// sums are the sums as backwardLevels has them.
func (l *levels) sums(s StaircaseSums) sums {
	zero := float64(l.zero)
	return sums{gm: s.DyQ + zero*s.Dy, g: s.Dy, hv: s.HV + zero*s.H, h: s.H}
}

// Staircase implements [Stepped]: at random, with the clipped gradient only.
func (l LSQ) Staircase(p Params) (Staircase, bool, error) {
	ls, err := l.levels(nil, 0, p)
	if err != nil {
		return Staircase{}, false, prefixed("lsq", err)
	}
	s, ok := ls[0].staircase(l.STE)
	s.Random, s.Seed = l.random, l.seed
	r := l.rounding()
	return s, ok && len(ls) == 1 && (!l.random || r.passing() == passClipped), nil
}

// Gradients implements [Stepped].
func (l LSQ) Gradients(dp Params, p Params, s StaircaseSums, n int) error {
	ls, err := l.levels(nil, 0, p)
	if err != nil {
		return prefixed("lsq", err)
	}
	dp[0][0] = float32(l.GradientScale(n) * ls[0].sums(s).scale())
	return nil
}

// Staircase implements [Stepped].
func (l LSQPlus) Staircase(p Params) (Staircase, bool, error) { return l.staircase(p, false) }

// Staircase implements [Stepped].
func (l LSQPlusInteger) Staircase(p Params) (Staircase, bool, error) { return l.staircase(p, true) }

func (l LSQPlus) staircase(p Params, zero bool) (Staircase, bool, error) {
	ls, err := l.levels(nil, 0, p, zero)
	if err != nil {
		return Staircase{}, false, err
	}
	s, ok := ls[0].staircase(l.STE)
	return s, ok && len(ls) == 1, nil
}

// Gradients implements [Stepped].
func (l LSQPlus) Gradients(dp Params, p Params, s StaircaseSums, n int) error {
	return l.gradients(dp, p, s, n, false)
}

// Gradients implements [Stepped].
func (l LSQPlusInteger) Gradients(dp Params, p Params, s StaircaseSums, n int) error {
	return l.gradients(dp, p, s, n, true)
}

func (l LSQPlus) gradients(dp Params, p Params, s StaircaseSums, n int, zero bool) error {
	ls, err := l.levels(nil, 0, p, zero)
	if err != nil {
		return err
	}
	gs, t := l.lsq().GradientScale(n), ls[0].sums(s)
	dp[0][0], dp[1][0] = float32(gs*t.scale()), float32(gs*t.offset())
	return nil
}

// Staircase implements [Stepped].
func (e EWGS) Staircase(p Params) (Staircase, bool, error) {
	ls, err := e.levels(nil, 0, p)
	if err != nil {
		return Staircase{}, false, err
	}
	r := e.rounding()
	s, ok := ls[0].staircase(r.ste)
	return s, ok && len(ls) == 1, nil
}

// Gradients implements [Stepped].
func (e EWGS) Gradients(dp Params, p Params, s StaircaseSums, _ int) error {
	ls, err := e.levels(nil, 0, p)
	if err != nil {
		return err
	}
	e.gradients(dp, 0, &ls[0], ls[0].sums(s))
	return nil
}

// Staircase implements [Stepped].
func (q QIL) Staircase(p Params) (Staircase, bool, error) {
	if err := q.checkCall(p, 0); err != nil {
		return Staircase{}, false, prefixed("qil", err)
	}
	l := q.levels()
	s, ok := l.staircase(q.STE)
	width := 2 * p[1][0]
	s.Scale, s.Shift, s.Slope = width/l.hi, p[0][0]-p[1][0], 1/width
	return s, ok && !q.Weights && len(p[0]) == 1, nil
}

// Gradients implements [Stepped].
func (q QIL) Gradients(dp Params, p Params, s StaircaseSums, _ int) error {
	if err := errors.Join(checkParams("gradients of parameters", dp, 1, 1), checkParams("parameters", p, 1, 1)); err != nil {
		return prefixed("qil", err)
	}
	slope, n := 1/(2*float64(p[1][0])), float64(q.Qp())
	dp[0][0], dp[1][0] = float32(-slope*s.H), float32(-slope*(2*s.HV/n-s.H))
	return nil
}

// uneven returns the staircase of a table: v = x/s, y = scale*level.
func (t *levelTable) uneven(s, scale, lo, hi float32) (Staircase, bool) {
	if len(t.levels) > MaxStairs {
		return Staircase{}, false
	}
	var thresholds []float32
	for _, threshold := range t.thresholds {
		thresholds = append(thresholds, below(threshold))
	}
	stairs := staircase.Even(s, lo, hi)
	stairs.Unit, stairs.Ladder = scale, staircase.NewLadder(t.levels, thresholds)
	return stairs, true
}

// below is the largest float32 that is not above x: a float32 is above the one where it is above the other.
func below(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// Staircase implements [Stepped].
func (q APoT) Staircase(p Params) (Staircase, bool, error) {
	scale, err := q.scales(p, 0)
	if err != nil {
		return Staircase{}, false, prefixed("apot", err)
	}
	t, err := q.codeTable()
	if err != nil {
		return Staircase{}, false, prefixed("apot", err)
	}
	if q.Signed {
		t = t.mirrored()
	}
	s, ok := t.uneven(scale[0], scale[0], float32(q.Qn()), float32(q.Qp()))
	_, clipped := q.STE.(Clipped)
	return s, ok && len(scale) == 1 && !q.Normalize && (clipped || q.STE == nil), nil
}

// mirrored adds the negative of each level but 0, the first. A tie goes to the smaller magnitude on both sides.
func (t *levelTable) mirrored() levelTable {
	var m levelTable
	for i := len(t.levels) - 1; i > 0; i-- {
		m.levels = append(m.levels, -t.levels[i])
		m.thresholds = append(m.thresholds, math.Nextafter(-t.thresholds[i-1], math.Inf(-1)))
	}
	m.levels, m.thresholds = append(m.levels, t.levels...), append(m.thresholds, t.thresholds...)
	return m
}

// Gradients implements [Stepped].
func (q APoT) Gradients(dp Params, _ Params, s StaircaseSums, _ int) error {
	if err := checkParams("gradients of parameters", dp, 1); err != nil {
		return prefixed("apot", err)
	}
	dp[0][0] = float32((s.DyQ - s.HV) / float64(q.Qp()))
	return nil
}

// Staircase implements [Stepped]: the gradient passes above 0.
func (h HWGQ) Staircase(p Params) (Staircase, bool, error) {
	if err := h.check(p); err != nil {
		return Staircase{}, false, prefixed("hwgq", err)
	}
	s, ok := h.table.uneven(1, 1, math.SmallestNonzeroFloat32, h.table.levels[len(h.table.levels)-1])
	return s, ok, nil
}

// Gradients implements [Stepped]; there is nothing to learn.
func (HWGQ) Gradients(Params, Params, StaircaseSums, int) error { return nil }

// Staircase implements [Stepped].
func (h UniformHWGQ) Staircase(p Params) (Staircase, bool, error) {
	s, ok, err := h.HWGQ.Staircase(p)
	if ok {
		for i := range h.table.levels {
			s.Ladder.Levels[i] = float32(i)
		}
	}
	s.Unit = h.scale
	return s, ok, err
}

// Staircase implements [Stepped].
func (l LQNets) Staircase(p Params) (Staircase, bool, error) {
	tables, err := l.tables(p)
	if err != nil {
		return Staircase{}, false, prefixed("lq_nets", err)
	}
	t := &tables[0]
	lo, hi := t.levels[0], t.levels[len(t.levels)-1]
	if l.Signed {
		lo, hi = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	s, ok := t.uneven(1, 1, lo, hi)
	return s, ok && len(tables) == 1, nil
}

// Gradients implements [Stepped]; nothing is learned by gradients.
func (LQNets) Gradients(Params, Params, StaircaseSums, int) error { return nil }
