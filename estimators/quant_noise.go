package estimators

import "github.com/qat-go/qat/internal/random"

// QuantNoise is training with quantization noise, Fan et al. 2021, https://arxiv.org/abs/2004.07320, section 4: with
// a seed, each weight is quantized with the probability share, and the others pass unchanged, with their exact
// gradient; without one, as in evaluation, all are quantized.
//
//	y = s*round(clip(x/s, Qn, Qp)) where u < share, else x,  u uniform on [0, 1)
//	dx = dy
//
// s = max|x|/Qp of the tensor or of each channel, at least [MinScale], so nothing is clipped, and the straight-through
// gradient is dy everywhere. Deviation: the paper's 8-bit quantizer spans min to max of x with a zero
// point; this one is symmetric, as weights are in integer networks. The paper's other kind of noise, for product
// quantization, is not here. Nothing is learned. Weights that are not finite are an error; Quantize has no noise.
type QuantNoise struct {
	maxAbs
	share float32
	noise rounding
}

var (
	_ Integer = QuantNoise{}
	_ Noisy   = QuantNoise{}
)

var quantNoiseShare = Option{
	Name: "share", Doc: "share of the weights that is quantized in training", Default: 0.5, Max: 1,
}

var _ = Register(Method{
	Name:    "quant_noise",
	Source:  "Fan et al. 2021, arXiv 2004.07320, section 4",
	Doc:     "quantizes a random share of the weights in training, all in evaluation",
	Weights: true, MinBits: 2, MaxBits: maxBits, Nearest: true,
	Options: []Option{quantNoiseShare},
	Is:      always(Traits{Levels: Even, Random: true, Noisy: true}),
	New: func(s Spec) (Estimator, error) {
		share, err := quantNoiseShare.value(s.Options)
		if err != nil {
			return nil, prefixed("quant_noise", err)
		}
		return NewQuantNoise(s.Range, s.Scales, float32(share))
	},
})

// NewQuantNoise returns the quantizer of weights in a signed range of 2 bits or more; scales is 1 or the number of
// channels, share 0 to 1.
func NewQuantNoise(r Range, scales int, share float32) (QuantNoise, error) {
	q := QuantNoise{maxAbs: maxAbs{Range: r, Scales: scales, method: "quant_noise"}, share: share}
	err := q.check()
	if err == nil {
		err = quantNoiseShare.check(float64(share))
	}
	return q, prefixed("quant_noise", err)
}

// Seeded implements [Random].
func (q QuantNoise) Seeded(seed uint64) Estimator {
	q.noise = rounding{random: true, draws: random.New(seed)}
	return q
}

// Noisy implements [Noisy].
func (QuantNoise) Noisy() {}

// Forward implements [Estimator].
func (q QuantNoise) Forward(y, x []float32, p Params) error {
	ls, err := q.levels(x, p)
	if err == nil {
		err = prefixed("quant_noise", checkLength("y", len(y), len(x)))
	}
	if err != nil {
		return err
	}
	for i, v := range x {
		if !q.noise.random || q.noise.draws.Uniform(i) < q.share {
			_, v = ls[i%len(ls)].quantize(v, &rounding{}, i)
		}
		y[i] = v
	}
	return nil
}
