package estimators

import (
	"fmt"
	"math"
)

// LSQPlus is LSQ+ on activations, Bhalgat et al. 2020, https://arxiv.org/abs/2004.09576, section 3,
// with a learned offset b beside the learned scale s, so that levels reach below 0 where activations do:
//
//	v = (x - b)/s,  q = round(clip(v, Qn, Qp)),  y = s*q + b
//
//	dx = h,  h = STE.Grad(dy, v, q, Qn, Qp)
//	ds = gs * sum of (dy*q - h*v)
//	db = gs * sum of (dy - h)
//	gs = 1/sqrt(N*Qp)
//
// With the clipped STE, the paper's, ds is that of [LSQ] and db sums dy outside the range. The parameters are scale
// (positive) and offset, for the tensor or for each channel. The range is any: with unsigned levels b is the lowest
// one. Where x is NaN, y and the gradients of the parameters are NaN and dx is 0; infinities saturate.
type LSQPlus struct {
	Range
	N      int // elements in gs; 0 is those that share one scale
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // nil is [Clipped]
}

// LSQPlusInteger is [LSQPlus] with the offset moved so that 0 is a level, as integer networks need, which pad with 0:
//
//	z = clip(round(-b/s), Qn, Qp),  y = s*(code - z)
//
// The gradients are those of LSQPlus at b = -s*z; the move itself passes them straight through.
type LSQPlusInteger struct{ LSQPlus }

// LSQPlusWeights is LSQ+ on weights, section 3: [LSQ] without an offset, whose scale starts from
//
//	s = max(|mean - 3*deviation|, |mean + 3*deviation|)/2^(k-1)
//
// with the sums in float64.
type LSQPlusWeights struct{ LSQ }

var (
	_ Estimator = LSQPlus{}
	_ Integer   = LSQPlusInteger{}
	_ Integer   = LSQPlusWeights{}
)

var _ = Register(Method{
	Name:    "lsq_plus",
	Source:  "Bhalgat et al. 2020, arXiv 2004.09576, section 3",
	Doc:     "uniform levels with a learned scale and, for activations, a learned offset",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits, Nearest: true,
	STEs:    lsqSTEs,
	Options: []Option{zeroPointOption},
	Is: func(s Spec) Traits {
		t := Traits{Levels: AtOffset, Learned: []string{"scale", "offset"}, Zero: ZeroLearned, Starts: true, Form: s.stairs(!s.identity())}
		switch {
		case s.Weights:
			t = Traits{Levels: Even, Learned: []string{"scale"}, Starts: true}
		case s.on(zeroPointOption):
			t.Levels = Even
		}
		return t
	},
	New: func(s Spec) (Estimator, error) {
		zero, err := optionBool(zeroPointOption, s.Options)
		if err != nil {
			return nil, prefixed("lsq_plus", err)
		}
		if s.Weights {
			w := LSQPlusWeights{newLSQ(s)}
			return w, w.Validate()
		}
		l := LSQPlus{Range: s.Range, N: s.N, Scales: s.Scales, STE: s.STE}
		if zero {
			return LSQPlusInteger{l}, l.Validate()
		}
		return l, l.Validate()
	},
})

// Validate reports what LSQ+ cannot use, as [LSQ.Validate].
func (l LSQPlus) Validate() error {
	err := l.lsq().check()
	if err == nil {
		err = checkSTE(l.STE, lsqSTEs...)
	}
	return prefixed("lsq_plus", err)
}

func (l LSQPlus) lsq() LSQ { return LSQ{Range: l.Range, N: l.N, Scales: l.Scales, STE: l.STE} }

func (l LSQPlus) scales() int { return max(l.Scales, 1) }

// Params are scale and offset.
func (l LSQPlus) Params() []Learned {
	return []Learned{{Name: "scale", Len: l.scales(), Positive: true}, {Name: "offset", Len: l.scales()}}
}

// Init implements [Estimator]: scale and offset have the least squared error on x (section 3).
func (l LSQPlus) Init(p Params, x []float32) error {
	err := l.Validate()
	if err == nil {
		err = prefixed("lsq_plus", checkParams("parameters", p, l.scales(), l.scales()))
	}
	if err == nil {
		err = prefixed("lsq_plus", fitLevels(p[0], p[1], x, float32(l.Qn()), float32(l.Qp())))
	}
	return err
}

// Init implements [Estimator]: the scale is that of the type's definition.
func (l LSQPlusWeights) Init(p Params, w []float32) error {
	err := l.check()
	if err == nil {
		err = checkParams("parameters", p, max(l.Scales, 1))
	}
	if err == nil {
		err = checkChannels("scale", len(p[0]), len(w))
	}
	if err == nil && len(w) == 0 {
		err = fmt.Errorf("no elements to take the initial scale from")
	}
	if err != nil {
		return prefixed("lsq_plus", err)
	}
	for c := range p[0] {
		mean, deviation := meanDeviation(w[c:], len(p[0]))
		s := (math.Abs(mean) + 3*deviation) / float64(int(1)<<(l.Bits-1))
		if !(s <= math.MaxFloat32) {
			return fmt.Errorf(
				"lsq_plus: channel %d has mean %v and deviation %v; expected finite weights", c, mean, deviation)
		}
		p[0][c] = max(float32(s), MinScale)
	}
	return nil
}

// levels checks the parameters for n elements of x; zero moves the levels to a zero point.
func (l LSQPlus) levels(buf []levels, n int, p Params, zero bool) ([]levels, error) {
	err := l.lsq().check()
	if err == nil {
		err = checkParams("parameters", p, l.scales(), l.scales())
	}
	if err == nil {
		err = checkScale(p[0], n)
	}
	if err == nil {
		err = checkFiniteParam("offset", p[1])
	}
	if err != nil {
		return nil, prefixed("lsq_plus", err)
	}
	ls := channels(buf, len(p[0]))
	for c, s := range p[0] {
		ls[c] = evenLevels(l.Qn(), l.Qp(), s)
		ls[c].b, ls[c].base = p[1][c], p[1][c]
		if zero {
			ls[c] = zeroPointLevels(ls[c])
		}
	}
	return ls, nil
}

// Forward implements [Estimator].
func (l LSQPlus) Forward(y, x []float32, p Params) error {
	return l.quantize(nil, wanted(y), x, p, false)
}

// Backward implements [Estimator].
func (l LSQPlus) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	return l.backward(dx, dp, x, dy, p, false)
}

// Forward implements [Estimator].
func (l LSQPlusInteger) Forward(y, x []float32, p Params) error {
	return l.quantize(nil, wanted(y), x, p, true)
}

// Quantize implements [Integer].
func (l LSQPlusInteger) Quantize(codes []int32, y, x []float32, p Params) error {
	return l.quantize(codes, y, x, p, true)
}

// CodeScale implements [Integer]: it is the learned scale.
func (l LSQPlusInteger) CodeScale(scale, _ []float32, p Params) error {
	var one [1]levels
	ls, err := l.levels(one[:], 0, p, true)
	if err == nil {
		err = prefixed("lsq_plus", writeScales(scale, ls))
	}
	return err
}

// Backward implements [Estimator].
func (l LSQPlusInteger) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	return l.backward(dx, dp, x, dy, p, true)
}

func (l LSQPlus) quantize(codes []int32, y, x []float32, p Params, zero bool) error {
	var one [1]levels
	ls, err := l.levels(one[:], len(x), p, zero)
	if err == nil {
		err = prefixed("lsq_plus", quantizeLevels(codes, y, x, ls, &rounding{}))
	}
	return err
}

func (l LSQPlus) backward(dx []float32, dp Params, x, dy []float32, p Params, zero bool) error {
	var one [1]levels
	var oneSum [1]sums
	ls, err := l.levels(one[:], len(x), p, zero)
	if err != nil {
		return err
	}
	if err := checkGradients(dx, dy, len(x), dp, len(ls), len(ls)); err != nil {
		return prefixed("lsq_plus", err)
	}
	total, r := channels(oneSum[:], len(ls)), rounding{ste: l.STE}
	if err := backwardLevels(dx, total, x, dy, ls, &r); err != nil {
		return prefixed("lsq_plus", err)
	}
	gs := l.lsq().GradientScale(len(x) / len(ls))
	for c, t := range total {
		dp[0][c], dp[1][c] = float32(gs*t.scale()), float32(gs*t.offset())
	}
	return nil
}
