package estimators

import (
	"math"

	"github.com/qat-go/qat/internal/staircase"
)

// bell is the derivative with respect to v, and to alpha for the scale s.
func (s SoftStaircase) bell(scale float32) *staircase.Bell {
	half := 1 / (2 * (1 - s.alpha))
	return &staircase.Bell{
		K: float32(2 * s.k), A: float32(s.k * half), Many: 1,
		P: float32(float64(scale) * half / (1 - s.alpha)), Q: float32(-2 * float64(scale) * half / (s.alpha * (2 - s.alpha))),
	}
}

// Staircase implements [Stepped].
func (d DSQ) Staircase(p Params) (Staircase, bool, error) { return d.stairs(p, false) }

// Staircase implements [Stepped].
func (d DSQInteger) Staircase(p Params) (Staircase, bool, error) { return d.stairs(p, true) }

func (d DSQ) stairs(p Params, zero bool) (Staircase, bool, error) {
	ls, err := d.levels(nil, 0, p, zero)
	if err != nil {
		return Staircase{}, false, err
	}
	r := d.rounding(p)
	s, ok := ls[0].staircase(r.ste)
	return s, ok && len(ls) == 1, nil
}

// Gradients implements [Stepped].
func (d DSQ) Gradients(dp Params, p Params, s StaircaseSums, _ int) error {
	return d.learn(dp, p, s, false)
}

// Gradients implements [Stepped].
func (d DSQInteger) Gradients(dp Params, p Params, s StaircaseSums, _ int) error {
	return d.learn(dp, p, s, true)
}

func (d DSQ) learn(dp Params, p Params, s StaircaseSums, zero bool) error {
	ls, err := d.levels(nil, 0, p, zero)
	if err != nil {
		return err
	}
	d.gradients(dp, 0, ls[0].sums(s))
	if d.LearnAlpha {
		dp[2][0] = float32(s.DyBell)
	}
	return nil
}

// gradients writes those of the interval of channel c.
func (d DSQ) gradients(dp Params, c int, t sums) {
	n := float64(d.Qp())
	dp[0][c] = float32(t.offset() - t.scale()/n)
	dp[1][c] = float32(t.scale() / n)
}

// Staircase implements [Stepped]: two levels.
func (s Sign) Staircase(p Params) (Staircase, bool, error) {
	if err := checkParams("parameters", p); err != nil {
		return Staircase{}, false, s.prefixed("sign", err)
	}
	all := float32(math.Inf(1))
	stairs := staircase.Even(1, -all, all)
	stairs.Ladder = staircase.NewLadder([]float32{-1, 1}, []float32{-math.SmallestNonzeroFloat32}) // 0 has the level 1
	switch e := s.STE.(type) {
	case nil, Clipped:
		stairs.Lo, stairs.Hi = -1, 1
	case Identity:
	case ApproxSign:
		stairs.Lo, stairs.Hi, stairs.Bell = -1, 1, &staircase.Bell{K: 2, A: 2, Linear: staircase.Yes}
	case EDE:
		stairs.Bell = &staircase.Bell{K: float32(2 * e.T), A: float32(max(1, e.T))}
	case SwishSign:
		stairs.Bell = &staircase.Bell{K: float32(e.Beta), A: float32(e.Beta), B: float32(e.Beta / 2)}
	default:
		return Staircase{}, false, nil
	}
	return stairs, true, nil
}

// Gradients implements [Stepped]; there is nothing to learn.
func (Sign) Gradients(Params, Params, StaircaseSums, int) error { return nil }
