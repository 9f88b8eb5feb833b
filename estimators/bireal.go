package estimators

// BiReal is the quantizer of weights of Bi-Real Net, Liu et al. 2018, https://arxiv.org/abs/1808.00278, section 3.3:
// the levels of [BWN] with the magnitude-aware gradient,
//
//	dx = a*STE.Grad(dy, x, sign(x), -1, 1),  a = mean|x|
//
// in which a is constant. The paper has one scale for a layer, its code one for each output channel, and its PyTorch
// code leaves the factor a out of the gradient, which is [BWN]. After training the paper drops a, which a batch
// normalization absorbs; here it stays the scale. On activations the method is [Sign]. A spec without an STE gets the
// paper's: [Clipped] for weights and [ApproxSign] for activations.
type BiReal struct{ BWN }

var _ Integer = BiReal{}

var _ = Register(Method{
	Name:    "bireal",
	Source:  "Liu et al. 2018, arXiv 1808.00278, section 3.3",
	Doc:     "weights as bwn with a gradient in proportion to their scale; the sign of activations, with approx_sign",
	Weights: true, Activations: true, MinBits: 1, MaxBits: 1, Nearest: true,
	STEs: signSTEsFrom("approx_sign"),
	Is:   isSign,
	New: func(s Spec) (Estimator, error) {
		if !s.Weights {
			return newSign("bireal", s, signSTEsFrom("approx_sign"))
		}
		b, err := newBWN("bireal", s)
		return BiReal{b}, err
	},
})

// Backward implements [Estimator].
func (b BiReal) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	return b.backward(dx, dp, x, dy, p, func(scale float32, _ int) (float32, float32) { return scale, 0 })
}
