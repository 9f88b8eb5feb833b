package estimators

// Staircase is what kernels need to know of an estimator of activations with one scale, evenly spaced levels and a gradient
// that is clipped or scaled by the distance from the level:
//
//	v = (x - B)/S,  q = round(clip(v, Lo, Hi)),  code = q + Zero,  y = Step*q
//	h = dy*(1 + Delta*sign(dy)*(v - q)) where Lo <= v <= Hi, else 0,  dx = Slope*h
type Staircase struct {
	S, B, Lo, Hi, Step float32
	Zero               int
	Delta, Slope       float32
}

// StaircaseSums are sums over elements, with h, v and q of [Staircase].
type StaircaseSums struct{ DyQ, Dy, HV, H float64 }

// Stepped is an estimator that may be a staircase.
type Stepped interface {
	Integer

	// Staircase returns the levels for the parameters; ok is false where the rounding has another gradient.
	Staircase(p Params) (s Staircase, ok bool, err error)

	// Gradients writes the gradients of the parameters for n elements, as Backward does.
	Gradients(dp Params, p Params, sums StaircaseSums, n int) error
}

var (
	_ Stepped = LSQ{}
	_ Stepped = LSQPlusInteger{}
	_ Stepped = EWGS{}
	_ Stepped = QIL{}
)

// staircase is that of one channel's levels.
func (l *levels) staircase(ste STE) (Staircase, bool) {
	s := Staircase{S: l.s, B: l.b, Lo: l.lo, Hi: l.hi, Step: l.step, Zero: int(l.zero), Slope: l.slope()}
	switch e := ste.(type) {
	case nil, Clipped:
	case ElementwiseScaling:
		s.Delta = e.Delta / (l.hi - l.lo)
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

// Staircase implements [Stepped].
func (l LSQ) Staircase(p Params) (Staircase, bool, error) {
	ls, err := l.levels(nil, 0, p)
	if err != nil {
		return Staircase{}, false, prefixed("lsq", err)
	}
	s, ok := ls[0].staircase(l.STE)
	return s, ok && len(ls) == 1 && !l.random, nil
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
func (l LSQPlusInteger) Staircase(p Params) (Staircase, bool, error) {
	ls, err := l.levels(nil, 0, p, true)
	if err != nil {
		return Staircase{}, false, err
	}
	s, ok := ls[0].staircase(l.STE)
	return s, ok && len(ls) == 1, nil
}

// Gradients implements [Stepped].
func (l LSQPlusInteger) Gradients(dp Params, p Params, s StaircaseSums, n int) error {
	ls, err := l.levels(nil, 0, p, true)
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
	s.S, s.B, s.Slope = width/l.hi, p[0][0]-p[1][0], 1/width
	return s, ok && !q.Weights && len(p[0]) == 1, nil
}

// Gradients implements [Stepped].
func (q QIL) Gradients(dp Params, p Params, s StaircaseSums, _ int) error {
	slope, n := 1/(2*float64(p[1][0])), float64(q.Qp())
	dp[0][0], dp[1][0] = float32(-slope*s.H), float32(-slope*(2*s.HV/n-s.H))
	return nil
}
