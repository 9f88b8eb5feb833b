package estimators

// Identity is the plain straight-through estimator, Bengio et al. 2013, https://arxiv.org/abs/1308.3432:
//
//	dv = dq
//
// whatever v is, beyond the outermost levels too. It learns nothing and has no option.
type Identity struct{}

var _ = RegisterSTE(STEKind{
	Name:   "identity",
	Source: "Bengio et al. 2013, arXiv 1308.3432",
	Doc:    "the gradient passes unchanged, outside the range too",
	New:    func(Options) (STE, error) { return Identity{}, nil },
})

// Grad implements [STE].
func (Identity) Grad(g, _, _, _, _ float32) float32 { return g }
