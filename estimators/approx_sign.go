package estimators

import "math"

// ApproxSign is the gradient of a sign that Bi-Real Net uses, Liu et al. 2018, https://arxiv.org/abs/1808.00278,
// section 3.3: the derivative of a piecewise quadratic in place of the sign,
//
//	dv = dq*(2 + 2v)   where -1 <= v < 0
//	     dq*(2 - 2v)   where 0 <= v < 1
//	     0             elsewhere
//
// in float32. Where v is NaN, dv is 0. It learns nothing.
type ApproxSign struct{}

var _ = RegisterSTE(STEKind{
	Name:   "approx_sign",
	Source: "Liu et al. 2018, arXiv 1808.00278, section 3.3",
	Doc:    "a triangle of height 2 on [-1, 1] as the derivative of a sign",
	New:    func(Options) (STE, error) { return ApproxSign{}, nil },
})

// Grad implements [STE]. It does not branch on v but for NaN: for activations that is as good as random.
func (ApproxSign) Grad(g, v, _, _, _ float32) float32 {
	if v != v {
		return 0
	}
	slope := 2 - 2*magnitude(v)
	keep := ^int32(math.Float32bits(slope)) >> 31 // all ones if slope >= 0, else 0
	return math.Float32frombits(math.Float32bits(g*slope) & uint32(keep))
}

// magnitude is |v|.
func magnitude(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }
