package estimators

import "github.com/qat-go/qat/internal/random"

// BinaryConnect is the quantizer of weights of Courbariaux et al. 2015, https://arxiv.org/abs/1511.00363, sections 2.2
// to 2.4:
//
//	deterministic   y = code = sign(x),  sign(0) = +1
//	stochastic      y = code = 1 with the probability clip((x + 1)/2, 0, 1), else -1
//
//	dx = STE.Grad(dy, x, y, -1, 1), dx = dy in the paper
//
// so the levels and codes are -1 and 1, and the scale is 1. Training clips the weights to [-1, 1] after each update,
// with [BinaryConnect.ClipWeights]; beyond, they would grow without an effect on y. The stochastic one is deterministic
// without a seed, as in evaluation. Nothing is learned. Where x is NaN, y is NaN, the code is that of 0, and dx is 0.
type BinaryConnect struct {
	Sign // a nil STE is [Clipped], which passes what the identity passes to weights in [-1, 1]

	Stochastic bool

	seeded bool
	draws  random.Stream
}

var (
	_ Integer       = BinaryConnect{}
	_ Random        = BinaryConnect{}
	_ WeightClipper = BinaryConnect{}
)

// WeightClipper is an estimator whose method keeps the weights in a range: training calls ClipWeights on the weights,
// not on what they are quantized to, after each update of them. NaN stays NaN.
type WeightClipper interface {
	ClipWeights(w []float32)
}

var binaryConnectStochastic = Option{
	Name: "stochastic", Doc: "1 to draw the signs of weights in training, 0 to take them", Default: 0, Min: 0, Max: 1,
}

var _ = Register(Method{
	Name:    "binary_connect",
	Source:  "Courbariaux et al. 2015, arXiv 1511.00363, section 2",
	Doc:     "the sign of weights, taken or drawn; the weights are clipped to [-1, 1]",
	Weights: true, MinBits: 1, MaxBits: 1, Nearest: true,
	STEs:    signSTEsFrom("identity"),
	Options: []Option{binaryConnectStochastic},
	Is:      func(s Spec) Traits { return Traits{Levels: Signs, Random: s.on(binaryConnectStochastic)} },
	New: func(s Spec) (Estimator, error) {
		stochastic, err := optionBool(binaryConnectStochastic, s.Options)
		if err != nil {
			return nil, prefixed("binary_connect", err)
		}
		sign, err := newSign("binary_connect", s, signSTEsFrom("identity"))
		return BinaryConnect{Sign: sign, Stochastic: stochastic}, err
	},
})

// ClipWeights implements [WeightClipper].
func (BinaryConnect) ClipWeights(w []float32) { clipToUnit(w) }

func clipToUnit(w []float32) {
	for i, v := range w {
		w[i] = min(max(v, -1), 1)
	}
}

// Seeded implements [Random].
func (b BinaryConnect) Seeded(seed uint64) Estimator {
	b.seeded, b.draws = true, random.New(seed)
	return b
}

// sign is the sign of element i.
func (b BinaryConnect) sign(x float32, i int) float32 {
	if b.Stochastic && b.seeded && x == x {
		if b.draws.Uniform(i) < min(max((x+1)/2, 0), 1) {
			return 1
		}
		return -1
	}
	return signOf(x)
}

// Forward implements [Estimator].
func (b BinaryConnect) Forward(y, x []float32, p Params) error {
	return b.Quantize(nil, wanted(y), x, p)
}

// Quantize implements [Integer].
func (b BinaryConnect) Quantize(codes []int32, y, x []float32, p Params) error {
	if err := b.checkForward(codes, y, p, len(x)); err != nil {
		return b.prefixed("binary_connect", err)
	}
	for i, v := range x {
		sign := b.sign(v, i)
		if codes != nil {
			codes[i] = int32(sign)
		}
		if y != nil {
			y[i] = orNaN(v, sign)
		}
	}
	return nil
}

// Backward implements [Estimator].
func (b BinaryConnect) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	if err := b.checkBackward(dx, dp, x, dy, p); err != nil {
		return b.prefixed("binary_connect", err)
	}
	for i, v := range x {
		dx[i] = signGrad(b.STE, dy[i], v, b.sign(v, i))
	}
	return nil
}
