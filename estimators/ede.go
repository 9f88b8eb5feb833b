package estimators

import "math"

// EDE is the error decay estimator of IR-Net, Qin et al. 2020, https://arxiv.org/abs/1909.10788, section 3.3: the
// derivative of k*tanh(t*v) in place of the sign,
//
//	dv = dq * k*t*(1 - tanh(t*v)^2),  k = max(1/t, 1)
//
// in float64, rounded once. It is nearly the identity for small t and nearly the derivative of the sign for large t;
// the paper raises t from 0.1 to 10 on a log scale over the epochs. It is 0 for infinite v. Where v is NaN, dv is 0. T
// is positive and finite; it is an option, not learned.
type EDE struct {
	T float64 // t
}

var edeT = Option{
	Name: "t", Doc: "steepness of the tanh in place of the sign; the paper schedules it from 0.1 to 10 on a log scale",
	Default: 0.1, Min: 1e-4, Max: 1e4,
}

var _ = RegisterSTE(STEKind{
	Name:    "ede",
	Source:  "Qin et al. 2020, arXiv 1909.10788, section 3.3",
	Doc:     "the derivative of k*tanh(t*v), which a schedule of t turns from the identity into the sign",
	Options: []Option{edeT},
	New: func(o Options) (STE, error) {
		t, err := edeT.value(o)
		return EDE{T: t}, prefixed("ede", err)
	},
})

// Grad implements [STE].
func (e EDE) Grad(g, v, _, _, _ float32) float32 {
	if v != v {
		return 0
	}
	// 1 - tanh(a)^2 = 4u/(1 + u)^2 with u = exp(-2|a|), without the loss of digits where tanh is near 1.
	u := math.Exp(-2 * e.T * math.Abs(float64(v)))
	return float32(float64(g) * max(1, e.T) * 4 * u / ((1 + u) * (1 + u)))
}
