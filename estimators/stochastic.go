package estimators

// Stochastic is [LSQ] with stochastic rounding in training, Gupta et al. 2015, https://arxiv.org/abs/1502.02551,
// section 3.1: v = clip(x/s, Qn, Qp) is rounded up with the probability v - floor(v), so that it is right on average,
//
//	code = floor(v) + (1 where u < v - floor(v), else 0),  u uniform on [0, 1)
//
// and in evaluation, without a seed, to the nearest level, as LSQ. It is an estimator and not an STE since it changes
// the forward pass. The gradients are LSQ's formulas at the code that was drawn, with LSQ's STEs; the parameter, its
// start and what NaN does are LSQ's, too. The paper's scale is a fixed power of two.
//
// The numbers depend on the seed and on the index of the element: whoever quantizes a tensor in parts seeds each.
type Stochastic struct{ LSQ }

var (
	_ Integer = Stochastic{}
	_ Random  = Stochastic{}
)

var _ = Register(Method{
	Name:    "stochastic",
	Source:  "Gupta et al. 2015, arXiv 1502.02551, section 3.1",
	Doc:     "lsq with stochastic rounding in training",
	Weights: true, Activations: true, MinBits: 1, MaxBits: maxBits, Nearest: true,
	STEs: lsqSTEs,
	Is: func(s Spec) Traits {
		return Traits{Levels: Even, Learned: []string{"scale"}, Starts: true, Random: true, Form: s.stairs(s.clipped())}
	},
	New: func(s Spec) (Estimator, error) {
		e := Stochastic{newLSQ(s)}
		return e, e.Validate()
	},
})

// Seeded implements [Random].
func (s Stochastic) Seeded(seed uint64) Estimator {
	s.random, s.seed = true, seed
	return s
}
