package estimators

// ApproxSign is the gradient of a sign that Bi-Real Net uses, Liu et al. 2018, https://arxiv.org/abs/1808.00278,
// section 3.3: the derivative of a piecewise quadratic in place of the sign,
//
//	dv = dq*(2 + 2v)   where -1 <= v < 0
//	     dq*(2 - 2v)   where 0 <= v < 1
//	     0             elsewhere
//
// in float32. Where v is NaN, dv is 0. It learns nothing.
type ApproxSign struct{}

var _ = registerSTE(STEKind{
	Name:   "approx_sign",
	Source: "Liu et al. 2018, arXiv 1808.00278, section 3.3",
	Doc:    "a triangle of height 2 on [-1, 1] as the derivative of a sign",
	New:    func(Options) (STE, error) { return ApproxSign{}, nil },
})

// Grad implements [STE].
func (ApproxSign) Grad(g, v, _, _, _ float32) float32 {
	if v < 0 {
		v = -v
	}
	if !(v < 1) {
		return 0
	}
	return g * (2 - 2*v)
}
