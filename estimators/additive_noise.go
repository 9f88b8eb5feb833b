package estimators

import "github.com/qat-go/qat/internal/random"

// AdditiveNoise trains with noise in place of rounding, as DiffQ does, Défossez et al. 2021,
// https://arxiv.org/abs/2104.09987, section 3: with a seed,
//
//	y = x + s*(u - 1/2),  u uniform on [0, 1),  dx = dy
//
// which has the error of rounding in distribution and an exact gradient; without one, as in evaluation, y =
// s*round(clip(x/s, Qn, Qp)). s = max|x|/Qp of the tensor or of each channel, at least [MinScale], held constant in the
// gradient. Deviations: the paper spans min to max of a group of 8 weights with a zero point, and learns the bits of
// each group; here the levels are symmetric, as weights are in integer networks, and the bits are fixed. Weights that
// are not finite are an error; Quantize has no noise.
type AdditiveNoise struct {
	maxAbs
	noise rounding
}

var (
	_ Integer = AdditiveNoise{}
	_ Noisy   = AdditiveNoise{}
)

var _ = Register(Method{
	Name:    "additive_noise",
	Source:  "Défossez et al. 2021, arXiv 2104.09987, section 3",
	Doc:     "adds uniform noise as wide as the scale in training, rounds in evaluation",
	Weights: true, MinBits: 2, MaxBits: maxBits, Nearest: true,
	Is:  always(Traits{Levels: Even, Random: true, Noisy: true}),
	New: func(s Spec) (Estimator, error) { return NewAdditiveNoise(s.Range, s.Scales) },
})

// NewAdditiveNoise returns the quantizer of weights in a signed range of 2 bits or more; scales is 1 or the number of
// channels.
func NewAdditiveNoise(r Range, scales int) (AdditiveNoise, error) {
	a := AdditiveNoise{maxAbs: maxAbs{Range: r, Scales: scales, method: "additive_noise"}}
	return a, prefixed("additive_noise", a.check())
}

// Seeded implements [Random].
func (a AdditiveNoise) Seeded(seed uint64) Estimator {
	a.noise = rounding{random: true, draws: random.New(seed)}
	return a
}

// Noisy implements [Noisy].
func (AdditiveNoise) Noisy() {}

// Forward implements [Estimator].
func (a AdditiveNoise) Forward(y, x []float32, p Params) error {
	if !a.noise.random {
		return a.Quantize(nil, wanted(y), x, p)
	}
	ls, err := a.levels(x, p)
	if err == nil {
		err = prefixed("additive_noise", checkLength("y", len(y), len(x)))
	}
	if err != nil {
		return err
	}
	for i, v := range x {
		y[i] = v + float32(ls[i%len(ls)].s*(a.noise.draws.Uniform(i)-0.5))
	}
	return nil
}
