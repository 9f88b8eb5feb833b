package estimators

import (
	"fmt"
	"math"
)

// ElementwiseScaling is the gradient estimator of EWGS, Lee et al. 2021, https://arxiv.org/abs/2104.00903, section 3.
// The farther v has to go against the gradient until its level changes, the larger the gradient is:
//
//	dv = dq * (1 + Delta*sign(dq)*(v - q)/(hi - lo)) where lo <= v <= hi, else 0
//
// (v - q)/(hi - lo) is x_n - x_q of the paper, whose x_n is x normalized to [0, 1]. Delta is at least 0; 0 is
// [Clipped]. The paper's constant Delta is 0.001; it also has one that follows the Hessian, which a schedule can stand
// for. Where v is NaN, dv is 0.
type ElementwiseScaling struct{ Delta float32 }

var ewgsDelta = Option{
	Name: "delta", Doc: "strength of the scaling; 0 is the clipped estimator", Default: 0.001, Max: 100,
}

var _ = RegisterSTE(STEKind{
	Name:    "ewgs",
	Source:  "Lee et al. 2021, arXiv 2104.00903, section 3",
	Doc:     "the gradient is scaled by the distance from the level, element by element",
	Options: []Option{ewgsDelta},
	New: func(o Options) (STE, error) {
		delta, err := ewgsDelta.value(o)
		return ElementwiseScaling{Delta: float32(delta)}, prefixed("ewgs", err)
	},
})

// standardScaling is an STE once and for all: making one of a struct allocates.
var standardScaling STE = ElementwiseScaling{Delta: float32(ewgsDelta.Default)}

// Grad implements [STE].
func (e ElementwiseScaling) Grad(g, v, q, lo, hi float32) float32 {
	if !(lo <= v && v <= hi) {
		return 0
	}
	shift := e.Delta * (v - q) / (hi - lo)
	// With the sign of g: a branch on it would go wrong half of the time.
	return g * (1 + math.Float32frombits(math.Float32bits(shift)^math.Float32bits(g)&(1<<31)))
}

// EWGS is the quantizer of Lee et al. 2021, https://arxiv.org/abs/2104.00903, section 3: a learned interval [l, u] of
// n + 1 = 2^k levels and a learned scale a of the output, with v = (x - l)/D and D = (u - l)/n:
//
//	q = round(clip(v, 0, n)),  y = a*q/n           activations
//	                           y = a*(2q - n)/n    weights: Signed
//
//	h  = STE.Grad(dy, v, q, 0, n),  r = dy/dq / D = a/(u - l), for weights 2a/(u - l)
//	dx = r*h
//	dl = r * sum of h*(v/n - 1),  du = -r * sum of h*v/n,  da = sum of dy*y/a
//
// The parameters are lower, upper and scale (positive), for the tensor or for each channel. The outputs are integers
// times a/n, with odd integers for weights, whatever l and u are. The paper multiplies the output of the whole layer by
// one scale, which is the product of those of its weights and of its activations here. Rounding is half to even; where
// x is NaN, y and the gradients of the parameters are NaN and dx is 0; infinities saturate.
type EWGS struct {
	Range      // Signed for weights; Narrow has no sense
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // nil is [ElementwiseScaling] with the paper's Delta
}

var _ Integer = EWGS{}

var ewgsSTEs = []string{"ewgs", "clipped", "dsq"}

var _ = Register(Method{
	Name:    "ewgs",
	Source:  "Lee et al. 2021, arXiv 2104.00903, section 3",
	Doc:     "learned interval and output scale, with element-wise gradient scaling",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits,
	STEs: ewgsSTEs,
	Is: func(s Spec) Traits {
		t := Traits{Levels: Rescaled, Learned: []string{"lower", "upper", "scale"}, Bounds: true, Form: s.stairs(true)}
		if s.Weights && s.Bits == 1 {
			t.Levels = Signs
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		e := EWGS{Range: Range{Bits: s.Bits, Signed: s.Weights}, Scales: s.Scales, STE: s.STE}
		return e, e.Validate()
	},
})

// Validate reports a range or an STE that EWGS cannot use.
func (e EWGS) Validate() error {
	err := e.Range.Validate()
	if err == nil && e.Narrow {
		err = fmt.Errorf("narrow range; expected all 2^%d levels, which are symmetric", e.Bits)
	}
	if err == nil {
		err = checkSTE(e.STE, ewgsSTEs...)
	}
	return prefixed("ewgs", err)
}

// Qn implements [Integer].
func (e EWGS) Qn() int {
	if e.Signed {
		return -e.Qp()
	}
	return 0
}

// Qp implements [Integer].
func (e EWGS) Qp() int { return 1<<e.Bits - 1 }

func (e EWGS) scales() int { return max(e.Scales, 1) }

// Params are lower, upper and scale.
func (e EWGS) Params() []Learned {
	n := e.scales()
	return []Learned{{Name: "lower", Len: n}, {Name: "upper", Len: n}, {Name: "scale", Len: n, Positive: true}}
}

// Init implements [Estimator] as the authors' code does: [l, u] are 3 standard deviations of weights to both sides of
// 0; for activations, min(x) and 3 standard deviations of the normal distribution of which x would be the positive
// half. The scale is mean|x| over mean|y| at scale 1.
func (e EWGS) Init(p Params, x []float32) error {
	n := e.scales()
	err := e.Validate()
	if err == nil {
		err = prefixed("ewgs", checkParams("parameters", p, n, n, n))
	}
	if err == nil {
		err = prefixed("ewgs", MinMax(p[0], p[1], x)) // and finite
	}
	if err != nil {
		return err
	}
	for c := range n {
		_, deviation := meanDeviation(x[c:], n)
		u := 3 * deviation
		if e.Signed {
			p[0][c] = float32(-u)
		} else {
			u /= math.Sqrt(1 - 2/math.Pi)
		}
		p[1][c], p[2][c] = float32(u), 1
	}
	y := make([]float32, len(x))
	if err := e.Forward(y, x, p); err != nil {
		return err
	}
	wants, err := absMeans(x, n)
	if err != nil {
		return prefixed("ewgs", err)
	}
	gots, err := absMeans(y, n)
	for c := range gots {
		if gots[c] > 0 {
			p[2][c] = max(float32(wants[c]/gots[c]), MinScale)
		}
	}
	return prefixed("ewgs", err)
}

// levels checks the parameters for n elements of x.
func (e EWGS) levels(buf []levels, n int, p Params) ([]levels, error) {
	scales := e.scales()
	err := e.Range.Validate()
	if err == nil {
		err = checkParams("parameters", p, scales, scales, scales)
	}
	if err == nil {
		err = checkInterval(p[0], p[1])
	}
	if err == nil {
		err = checkScale(p[2], n)
	}
	if err != nil {
		return nil, prefixed("ewgs", err)
	}
	ls := channels(buf, scales)
	top := float32(e.Qp())
	for c := range ls {
		ls[c] = levels{hi: top, s: intervalScale(p[0][c], p[1][c], top), b: p[0][c], scale: p[2][c] / top, odd: e.Signed}
	}
	return ls, nil
}

func (e EWGS) rounding() rounding {
	if e.STE == nil {
		return rounding{ste: standardScaling}
	}
	return rounding{ste: e.STE}
}

// CodeScale implements [Integer]: the scale is a/n.
func (e EWGS) CodeScale(scale, _ []float32, p Params) error {
	var one [1]levels
	ls, err := e.levels(one[:], 0, p)
	if err == nil {
		err = prefixed("ewgs", writeScales(scale, ls))
	}
	return err
}

// Forward implements [Estimator].
func (e EWGS) Forward(y, x []float32, p Params) error { return e.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (e EWGS) Quantize(codes []int32, y, x []float32, p Params) error {
	var one [1]levels
	ls, err := e.levels(one[:], len(x), p)
	if err == nil {
		err = prefixed("ewgs", quantizeLevels(codes, y, x, ls, &rounding{}))
	}
	return err
}

// Backward implements [Estimator].
func (e EWGS) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	var one [1]levels
	var oneSum [1]sums
	ls, err := e.levels(one[:], len(x), p)
	if err != nil {
		return err
	}
	total, r := channels(oneSum[:], len(ls)), e.rounding()
	if err := checkGradients(dx, dy, len(x), dp, len(ls), len(ls), len(ls)); err != nil {
		return prefixed("ewgs", err)
	}
	if err := backwardLevels(dx, total, x, dy, ls, &r); err != nil {
		return prefixed("ewgs", err)
	}
	for c, t := range total {
		e.gradients(dp, c, &ls[c], t)
	}
	return nil
}

// gradients writes those of channel c.
func (e EWGS) gradients(dp Params, c int, l *levels, t sums) {
	n, slope := float64(e.Qp()), float64(l.slope())
	dp[0][c] = float32(slope * (t.hv/n - t.h))
	dp[1][c] = float32(-slope * t.hv / n)
	dp[2][c] = float32(t.gm / n)
}
