package estimators

// Clipped is the saturating straight-through estimator, Hubara et al. 2016, https://arxiv.org/abs/1602.02830, section
// 1.3, for a sign, and the gradient of round(clip(v, lo, hi)) with round passed straight through:
//
//	dv = dq where lo <= v <= hi, else 0
//
// At the ends the gradient passes, as through PyTorch's clamp. Where v is NaN, dv is 0. It learns nothing.
type Clipped struct{}

var _ = RegisterSTE(STEKind{
	Name:   "clipped",
	Source: "Hubara et al. 2016, arXiv 1602.02830, section 1.3",
	Doc:    "the gradient passes inside the range of the levels, and is 0 outside",
	New:    func(Options) (STE, error) { return Clipped{}, nil },
})

// Grad implements [STE].
func (Clipped) Grad(g, v, _, lo, hi float32) float32 {
	if lo <= v && v <= hi {
		return g
	}
	return 0
}
