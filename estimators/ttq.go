package estimators

import (
	"fmt"
	"math"
)

// TTQ is trained ternary quantization of weights, Zhu et al. 2017, https://arxiv.org/abs/1612.01064, section 3:
//
//	D = t*max|x|,  y = Wp where x > D, -Wn where x < -D, else 0
//
//	dx  = dy*Wp where x > D, dy*Wn where x < -D, else dy
//	dWp = sum of dy where x > D
//	dWn = -sum of dy where x < -D
//
// Its parameters wp and wn are positive magnitudes in the unit of x, for the tensor or for each channel; the paper has
// one pair for a layer. Both start from 1, as in the released code. (The paper's equation 7 has a plus in dWn, for a Wn
// that includes the sign.) D is taken anew in each call and is constant in the gradient; Threshold is the paper's t.
// The levels are no multiples of one scale unless Wp = Wn, so there are no integer codes. x that is not finite is an
// error.
type TTQ struct {
	Threshold float64 // t, in [0, 1)
	Scales    int     // 1, or the number of channels; 0 is 1
}

var _ Estimator = TTQ{}

var ttqThreshold = Option{
	Name: "t", Doc: "weights whose magnitude is at most this share of the greatest become 0",
	Default: 0.05, Min: 0, Max: 0.99,
}

var _ = Register(Method{
	Name:    "ttq",
	Source:  "Zhu et al. 2017, arXiv 1612.01064, section 3",
	Doc:     "three levels of weights: 0, a learned positive one and a learned negative one",
	Weights: true, MinBits: 2, MaxBits: 2,
	Options: []Option{ttqThreshold},
	Is:      always(Traits{Learned: []string{"wp", "wn"}}),
	New: func(s Spec) (Estimator, error) {
		threshold, err := ttqThreshold.value(s.Options)
		if err == nil && s.Bits != 2 {
			err = fmt.Errorf("%d bits; expected 2", s.Bits)
		}
		return TTQ{Threshold: threshold, Scales: s.Scales}, prefixed("ttq", err)
	},
})

// Params are Wp and Wn.
func (t TTQ) Params() []Learned {
	n := max(t.Scales, 1)
	return []Learned{{Name: "wp", Len: n, Positive: true}, {Name: "wn", Len: n, Positive: true}}
}

// Init implements [Estimator]: Wp and Wn are 1.
func (t TTQ) Init(p Params, _ []float32) error {
	if err := checkParams("parameters", p, max(t.Scales, 1), max(t.Scales, 1)); err != nil {
		return prefixed("ttq", err)
	}
	for _, values := range p {
		for c := range values {
			values[c] = 1
		}
	}
	return nil
}

// thresholds checks the parameters for x and returns D of each channel.
func (t TTQ) thresholds(x []float32, p Params) ([]float64, error) {
	if err := checkParams("parameters", p, max(t.Scales, 1), max(t.Scales, 1)); err != nil {
		return nil, err
	}
	for i, name := range []string{"wp", "wn"} {
		if err := checkScale(p[i], len(x)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	greatest := make([]float64, len(p[0]))
	for i := 0; i < len(x); i += len(greatest) {
		for c, a := range greatest {
			greatest[c] = max(a, math.Abs(float64(x[i+c]))) // NaN stays
		}
	}
	for c, a := range greatest {
		if !(a <= math.MaxFloat32) {
			return nil, fmt.Errorf("max|x| of channel %d is %v; expected finite x", c, a)
		}
		greatest[c] = t.Threshold * a
	}
	return greatest, nil
}

// Forward implements [Estimator].
func (t TTQ) Forward(y, x []float32, p Params) error {
	thresholds, err := t.thresholds(x, p)
	if err == nil {
		err = checkLength("y", len(y), len(x))
	}
	if err != nil {
		return prefixed("ttq", err)
	}
	wp, wn := p[0], p[1]
	for i := 0; i < len(x); i += len(thresholds) {
		for c, threshold := range thresholds {
			switch ternary(x[i+c], threshold) {
			case 1:
				y[i+c] = wp[c]
			case -1:
				y[i+c] = -wn[c]
			default:
				y[i+c] = 0
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (t TTQ) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	thresholds, err := t.thresholds(x, p)
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp, len(p[0]), len(p[1]))
	}
	if err != nil {
		return prefixed("ttq", err)
	}
	wp, wn := p[0], p[1]
	positive, negative := make([]float64, len(wp)), make([]float64, len(wn))
	for i := 0; i < len(x); i += len(thresholds) {
		for c, threshold := range thresholds {
			g := dy[i+c]
			switch ternary(x[i+c], threshold) {
			case 1:
				positive[c] += float64(g)
				dx[i+c] = g * wp[c]
			case -1:
				negative[c] -= float64(g)
				dx[i+c] = g * wn[c]
			default:
				dx[i+c] = g
			}
		}
	}
	for c := range wp {
		dp[0][c], dp[1][c] = float32(positive[c]), float32(negative[c])
	}
	return nil
}
