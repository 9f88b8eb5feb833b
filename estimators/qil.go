package estimators

import (
	"errors"
	"math"
)

// QIL learns quantization intervals, Jung et al. 2019, https://arxiv.org/abs/1808.05779, section 3: a transformer maps
// the magnitudes from c - d (below: pruned) to c + d (above: clipped) to 0..1, and the result is rounded to n levels a
// side. With m = |x| and sign(0) = +1 for weights, m = x and no sign for activations:
//
//	t = clip((m - c)/(2d) + 1/2, 0, 1),  w = sign(x)*t^gamma
//	code = round(n*w),  y = code/n,  n = 2^(k-1) - 1 for weights, 2^k - 1 for activations
//
// The parameters are centre c, distance d (positive) and, for weights, if it is learned, gamma
// (positive, else 1), for the tensor or for each channel. Where 0 <= t <= 1 before the clip, with h = STE.Grad(dy, n*w,
// code, Qn, Qp) and p = h*gamma*t^(gamma-1)/(2d),
//
//	dx = p,  dc = -sum of sign(x)*p,  dd = -sum of sign(x)*p*(m - c)/d,  dgamma = sum of sign(x)*h*t^gamma*ln(t)
//
// and elsewhere all are 0, as at t = 0 where gamma is not 1. The levels are in [-1, 1] whatever the size of x. The
// authors start from a trained network and give no initial interval; here it is 0 to max|x|, which prunes and clips
// nothing. Rounding is half to even; where x is NaN, y and the gradients of the parameters are NaN and dx is 0;
// infinities saturate.
type QIL struct {
	Bits       int  // 1 to 16, for weights 2 to 16
	Weights    bool // signed
	LearnGamma bool // of weights
	Scales     int  // 1, or the number of channels; 0 is 1
	STE        STE  // nil is [Clipped], which is the identity here, as w is inside the range
}

var _ Integer = QIL{}

var qilSTEs = []string{"clipped", "ewgs", "dsq"}

var qilGamma = Option{Name: "learn_gamma", Doc: "1 learns the exponent of weights; 0 holds it at 1", Default: 1, Max: 1}

var _ = Register(Method{
	Name:    "qil",
	Source:  "Jung et al. 2019, arXiv 1808.05779, section 3",
	Doc:     "learned interval of magnitudes, with pruning below and clipping above",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits,
	STEs:    qilSTEs,
	Options: []Option{qilGamma},
	Is: func(s Spec) Traits {
		t := Traits{Levels: Rescaled, Learned: []string{"centre", "distance"}, Bounds: true, Form: s.stairs(true)}
		if s.Weights && s.on(qilGamma) {
			t.Learned = append(t.Learned, "gamma")
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		learn, err := optionBool(qilGamma, s.Options)
		if err != nil {
			return nil, prefixed("qil", err)
		}
		q := QIL{Bits: s.Bits, Weights: s.Weights, LearnGamma: learn && s.Weights, Scales: s.Scales, STE: s.STE}
		return q, q.Validate()
	},
})

// Validate reports bits or an STE that QIL cannot use, and a gamma of activations.
func (q QIL) Validate() error {
	err := q.check()
	if err == nil {
		err = checkSTE(q.STE, qilSTEs...)
	}
	return prefixed("qil", err)
}

func (q QIL) check() error {
	switch err := q.levelRange().Validate(); {
	case err != nil:
		return err
	case q.LearnGamma && !q.Weights:
		return errors.New("gamma of activations is learned; expected weights, as activations have none")
	}
	return nil
}

func (q QIL) levelRange() Range { return Range{Bits: q.Bits, Signed: q.Weights, Narrow: q.Weights} }

func (q QIL) scales() int { return max(q.Scales, 1) }

// Qn is -n for weights, 0 for activations.
func (q QIL) Qn() int { return q.levelRange().Qn() }

// Qp is n.
func (q QIL) Qp() int { return q.levelRange().Qp() }

// Params are centre, distance and perhaps gamma.
func (q QIL) Params() []Learned {
	learned := []Learned{{Name: "centre", Len: q.scales()}, {Name: "distance", Len: q.scales(), Positive: true}}
	if q.LearnGamma {
		learned = append(learned, Learned{Name: "gamma", Len: q.scales(), Positive: true})
	}
	return learned
}

// Init implements [Estimator].
func (q QIL) Init(p Params, x []float32) error {
	n := q.scales()
	err := q.checkLengths(p)
	if err == nil {
		err = MinMax(p[0], p[1], x)
	}
	if err != nil {
		return prefixed("qil", err)
	}
	for c := range n {
		end := p[1][c]
		if q.Weights {
			end = max(end, -p[0][c])
		}
		p[0][c] = max(end/2, MinScale)
		p[1][c] = p[0][c]
		if q.LearnGamma {
			p[2][c] = 1
		}
	}
	return nil
}

func (q QIL) checkLengths(p Params) error {
	if err := q.check(); err != nil {
		return err
	}
	if q.LearnGamma {
		return checkParams("parameters", p, q.scales(), q.scales(), q.scales())
	}
	return checkParams("parameters", p, q.scales(), q.scales())
}

// checkCall checks the parameters for n elements of x.
func (q QIL) checkCall(p Params, n int) error {
	err := q.checkLengths(p)
	if err == nil {
		err = checkFiniteParam("centre", p[0])
	}
	if err == nil {
		err = checkScale(p[1], n)
	}
	if err == nil && q.LearnGamma {
		err = checkScale(p[2], n)
	}
	return err
}

// interval is the transformer of one channel.
type interval struct {
	c, d, gamma float32
	weights     bool
}

func (q QIL) interval(p Params, c int) interval {
	t := interval{c: p[0][c], d: p[1][c], gamma: 1, weights: q.Weights}
	if q.LearnGamma {
		t.gamma = p[2][c]
	}
	return t
}

// position is t before the clip, and the sign of x.
func (t *interval) position(x float32) (at, sign float32) {
	sign = 1
	if t.weights && x < 0 {
		x, sign = -x, -1
	}
	return (x-t.c)/(2*t.d) + 0.5, sign
}

// power is t^gamma for t in [0, 1].
func (t *interval) power(at float32) float32 {
	if t.gamma == 1 {
		return at
	}
	return float32(math.Pow(float64(at), float64(t.gamma)))
}

func (q QIL) levels() levels { return evenLevels(q.Qn(), q.Qp(), 1/float32(q.Qp())) }

// CodeScale implements [Integer]: the scale is 1/n.
func (q QIL) CodeScale(scale, _ []float32, p Params) error {
	err := q.checkCall(p, 0)
	if err == nil {
		err = checkParams("scale", Params{scale}, q.scales())
	}
	if err != nil {
		return prefixed("qil", err)
	}
	for c := range scale {
		scale[c] = q.levels().scale
	}
	return nil
}

// Forward implements [Estimator].
func (q QIL) Forward(y, x []float32, p Params) error { return q.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (q QIL) Quantize(codes []int32, y, x []float32, p Params) error {
	err := q.checkCall(p, len(x))
	if err == nil {
		err = checkOutputs(codes, y, len(x))
	}
	if err != nil {
		return prefixed("qil", err)
	}
	l, r := q.levels(), rounding{}
	for c := range p[0] {
		t := q.interval(p, c)
		for i := c; i < len(x); i += len(p[0]) {
			at, sign := t.position(x[i])
			code, value := l.quantize(sign*t.power(min(max(at, 0), 1)), &r, i)
			if value != value {
				at, sign = t.position(0)
				code, _ = l.quantize(sign*t.power(min(max(at, 0), 1)), &r, i)
			}
			if codes != nil {
				codes[i] = code
			}
			if y != nil {
				y[i] = value
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (q QIL) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	err := q.checkCall(p, len(x))
	if err == nil {
		err = checkGradients(dx, dy, len(x), nil)
	}
	if err == nil {
		err = q.checkLengths(dp)
	}
	if err != nil {
		return prefixed("qil", err)
	}
	l, r := q.levels(), rounding{ste: q.STE}
	how := r.passing()
	for c := range p[0] {
		t := q.interval(p, c)
		var centre, distance, gamma float64
		for i := c; i < len(x); i += len(p[0]) {
			at, sign := t.position(x[i])
			if at != at {
				centre, distance, gamma = math.NaN(), math.NaN(), math.NaN()
			}
			if !(0 <= at && at <= 1) || at == 0 && t.gamma != 1 {
				dx[i] = 0
				continue
			}
			w := t.power(at)
			h := dy[i]
			if how != passClipped { // w is always inside
				v := min(max(sign*w/l.s, l.lo), l.hi)
				h = r.grad(how, h, v, r.round(v, i), &l)
			}
			slope := float64(t.gamma) * float64(w) / (2 * float64(t.d))
			if t.gamma == 1 {
				slope = 1 / (2 * float64(t.d))
			} else {
				slope /= float64(at)
			}
			passed := float64(h) * slope
			dx[i] = float32(passed)
			centre -= float64(sign) * passed
			distance -= float64(float64(sign) * passed * 2 * (float64(at) - 0.5)) // (m - c)/d
			if at > 0 {
				gamma += float64(float64(sign) * float64(h) * float64(w) * math.Log(float64(at)))
			}
		}
		dp[0][c], dp[1][c] = float32(centre), float32(distance)
		if q.LearnGamma {
			dp[2][c] = float32(gamma)
		}
	}
	return nil
}
