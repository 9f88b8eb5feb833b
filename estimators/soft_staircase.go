package estimators

import "math"

// SoftStaircase is the gradient estimator of DSQ, Gong et al. 2019, https://arxiv.org/abs/1908.05033, section 3:
// the derivative of a staircase of tanh, where i is the step that v lies on, i <= v <= i+1:
//
//	phi(v) = tanh(k*(v - i - 1/2))/(1 - alpha),  k = ln(2/alpha - 1),  soft round(v) = i + (phi(v) + 1)/2
//	dv = dq * phi'(v)/2 where lo <= v <= hi, else 0
//
// The paper's k is this one divided by s, as its x is not. The smaller alpha is, the closer the
// staircase is to rounding; the derivative at a level is dq*k*alpha*(2 - alpha)/(2*(1 - alpha)), and the integral from
// one level to the next is 1. Levels are 1 apart, so it does not fit a sign. Where v is NaN, dv is 0.
type SoftStaircase struct{ alpha, k float64 }

// dsqAlpha leaves out alpha near 0, where the derivative is 0 almost everywhere; the paper has alpha below 1/2.
var dsqAlpha = Option{
	Name: "alpha", Doc: "distance from rounding; a small one is close to it", Default: 0.2, Min: 0.001, Max: 0.5,
}

var _ = RegisterSTE(STEKind{
	Name:    "dsq",
	Source:  "Gong et al. 2019, arXiv 1908.05033, section 3",
	Doc:     "the derivative of a soft staircase of tanh",
	Options: []Option{dsqAlpha},
	New: func(o Options) (STE, error) {
		alpha, err := dsqAlpha.value(o)
		if err != nil {
			return nil, prefixed("dsq", err)
		}
		return softStaircase(alpha), nil
	},
})

// NewSoftStaircase returns the estimator of that alpha, 0.001 to 0.5.
func NewSoftStaircase(alpha float64) (SoftStaircase, error) {
	return softStaircase(alpha), prefixed("dsq", dsqAlpha.check(alpha))
}

// standardStaircase is an STE once and for all: making one of a struct allocates.
var standardStaircase STE = softStaircase(dsqAlpha.Default)

func softStaircase(alpha float64) SoftStaircase {
	return SoftStaircase{alpha: alpha, k: math.Log(2/alpha - 1)}
}

// Grad implements [STE].
func (s SoftStaircase) Grad(g, v, _, lo, hi float32) float32 {
	if !(lo <= v && v <= hi) {
		return 0
	}
	t := math.Tanh(s.k * fromMiddle(v))
	return float32(float64(g) * s.k * (1 - float64(t*t)) / (2 * (1 - s.alpha)))
}

// byAlpha is the derivative of the soft staircase in alpha, at a v inside the range.
func (s SoftStaircase) byAlpha(v float32) float64 {
	d := fromMiddle(v)
	t := math.Tanh(s.k * d)
	slope := -2 / (s.alpha * (2 - s.alpha)) // of k
	return (t/(1-s.alpha) + float64((1-float64(t*t))*slope*d)) / (2 * (1 - s.alpha))
}

// fromMiddle is v - i - 1/2. At a level, the derivatives of the steps on both sides are the same.
func fromMiddle(v float32) float64 { return float64(v) - math.Floor(float64(v)) - 0.5 }
