package estimators

// BNN is the quantizer of weights of binarized neural networks, Hubara et al. 2016, https://arxiv.org/abs/1602.02830,
// section 1: [Sign], with weights that training clips to [-1, 1] after each update. On activations the method is [Sign]
// itself. Of the paper's two binarizations this is the deterministic one, which its networks use for weights.
type BNN struct{ Sign }

var (
	_ Integer       = BNN{}
	_ WeightClipper = BNN{}
)

var _ = Register(Method{
	Name:    "bnn",
	Source:  "Hubara et al. 2016, arXiv 1602.02830, section 1",
	Doc:     "the sign of weights, which are clipped to [-1, 1], and of activations",
	Weights: true, Activations: true, MinBits: 1, MaxBits: 1, Nearest: true,
	STEs: signSTEs,
	Is:   isSign,
	New: func(s Spec) (Estimator, error) {
		sign, err := newSign("bnn", s, signSTEs)
		if !s.Weights {
			return sign, err
		}
		return BNN{sign}, err
	},
})

// ClipWeights implements [WeightClipper].
func (BNN) ClipWeights(w []float32) { clipToUnit(w) }
