package estimators

import "math"

// SwishSign is the gradient of a sign that BNN+ uses, Darabi et al. 2018, https://arxiv.org/abs/1812.11800, section 3:
// the derivative of 2*sigmoid(bv)*(1 + bv*(1 - sigmoid(bv))) - 1 in place of the sign,
//
//	dv = dq * b*(2 - bv*tanh(bv/2)) / (1 + cosh(bv))
//
// in float64, rounded once. It is b at v = 0, negative beyond |bv| of about 2.4, and 0 for infinite v. Where v is NaN,
// dv is 0. Beta is positive and finite; it is an option, not learned.
type SwishSign struct {
	Beta float64 // b
}

var swishBeta = Option{
	Name: "beta", Doc: "steepness of SwishSign at 0: a greater beta is nearer to the sign",
	Default: 5, Min: 0.01, Max: 1000,
}

var _ = RegisterSTE(STEKind{
	Name:    "swish_sign",
	Source:  "Darabi et al. 2018, arXiv 1812.11800, section 3",
	Doc:     "the derivative of SwishSign, which is negative beside its peak",
	Options: []Option{swishBeta},
	New: func(o Options) (STE, error) {
		beta, err := swishBeta.value(o)
		return SwishSign{Beta: beta}, prefixed("swish_sign", err)
	},
})

// Grad implements [STE].
func (s SwishSign) Grad(g, v, _, _, _ float32) float32 {
	bv := s.Beta * float64(v)
	cosh := math.Cosh(bv)
	if !(cosh <= math.MaxFloat64) { // too far out, or NaN
		return 0
	}
	return float32(float64(g) * s.Beta * (2 - float64(bv*math.Tanh(bv/2))) / (1 + cosh))
}
