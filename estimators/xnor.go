package estimators

// XNOR is the quantizer of weights of XNOR-Net, Rastegari et al. 2016, https://arxiv.org/abs/1603.05279, section 3: the
// levels of [BWN] with the paper's gradient, in which the scale depends on the weights too,
//
//	dx = dy/n + a*STE.Grad(dy, x, sign(x), -1, 1),  a = mean|x| of the n elements that share it
//
// The paper's gradient of the scale is d(a)/dx = 1/n times the element's own dy: it leaves out the sign of x and the
// other elements' dy. The released code differs further: it multiplies by n*(1 - 1/c) for c input channels, and centres
// and clips the weights after each update.
//
// On activations the method is [Sign]. The map K of the magnitudes of activations (equation 11), which scales each
// place of a convolution's output, is left out, as in the released code: it is a part of the convolution, not of a
// quantizer.
type XNOR struct{ BWN }

var _ Integer = XNOR{}

var _ = Register(Method{
	Name:    "xnor",
	Source:  "Rastegari et al. 2016, arXiv 1603.05279, section 3",
	Doc:     "weights as bwn with the gradient of their scale; the sign of activations",
	Weights: true, Activations: true, MinBits: 1, MaxBits: 1, Nearest: true,
	STEs: signSTEs,
	Is:   isSign,
	New: func(s Spec) (Estimator, error) {
		if !s.Weights {
			return newSign("xnor", s, signSTEs)
		}
		b, err := newBWN("xnor", s)
		return XNOR{b}, err
	},
})

// Backward implements [Estimator].
func (x XNOR) Backward(dx []float32, dp Params, w, dy []float32, p Params) error {
	return x.backward(dx, dp, w, dy, p, func(scale float32, n int) (float32, float32) { return scale, 1 / float32(n) })
}
