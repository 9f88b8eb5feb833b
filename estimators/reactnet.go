package estimators

// RSign is the quantizer of activations of ReActNet, Liu et al. 2020, https://arxiv.org/abs/2003.03488, section 4.2: a
// sign with a learned threshold,
//
//	v = x - t,  y = code = sign(v),  sign(0) = +1
//
//	dx = STE.Grad(dy, v, y, -1, 1)
//	dt = -sum of dx
//
// so the levels and codes are -1 and 1, and the scale is 1. (The paper has -1 at v = 0.) Its one parameter is the
// threshold t, in the unit of x, for each channel, or one for the tensor; it starts from 0, as in the released code,
// which stores -t. The paper gives the sign's derivative in t as -1; this is the released code's gradient, which is
// that of x with the other sign. Where x is NaN, y is NaN, the code is that of 0, dx is 0 and nothing is added to dt.
type RSign struct {
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // gradient of the sign, [ApproxSign] in the paper; nil is [Clipped]
}

var _ Integer = RSign{}

// On weights the method is [BWN], whose scale its released code takes for each output channel. A spec without an STE
// gets the paper's: [Clipped] for weights and [ApproxSign] for activations.
var _ = Register(Method{
	Name:    "reactnet",
	Source:  "Liu et al. 2020, arXiv 2003.03488, section 4.2",
	Doc:     "the sign of activations above a learned threshold, with approx_sign; weights as bwn",
	Weights: true, Activations: true, MinBits: 1, MaxBits: 1, Nearest: true, Channels: true,
	STEs: signSTEsFrom("approx_sign"),
	Is: func(s Spec) Traits {
		if s.Weights {
			return Traits{Levels: Signs}
		}
		return Traits{Levels: Signs, Learned: []string{"threshold"}}
	},
	New: func(s Spec) (Estimator, error) {
		if s.Weights {
			return newBWN("reactnet", s)
		}
		ste, err := steFor(s, 1, signSTEsFrom("approx_sign"))
		return RSign{Scales: s.Scales, STE: ste}, prefixed("reactnet", err)
	},
})

// Params is the threshold.
func (r RSign) Params() []Learned { return []Learned{{Name: "threshold", Len: max(r.Scales, 1)}} }

// Init implements [Estimator]: the threshold is 0.
func (r RSign) Init(p Params, _ []float32) error {
	if err := checkParams("parameters", p, max(r.Scales, 1)); err != nil {
		return prefixed("reactnet", err)
	}
	clear(p[0])
	return nil
}

// check reports a threshold that is not finite, or not one for each channel of n elements.
func (r RSign) check(p Params, n int) error {
	if err := checkParams("parameters", p, max(r.Scales, 1)); err != nil {
		return err
	}
	if err := checkFiniteParam("threshold", p[0]); err != nil {
		return err
	}
	return checkChannels("threshold", len(p[0]), n)
}

// Qn is -1.
func (RSign) Qn() int { return -1 }

// Qp is 1.
func (RSign) Qp() int { return 1 }

// CodeScale implements [Integer]: the scale is 1, in every channel.
func (RSign) CodeScale(scale, x []float32, _ Params) error { return Sign{}.CodeScale(scale, x, nil) }

// Forward implements [Estimator].
func (r RSign) Forward(y, x []float32, p Params) error { return r.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (r RSign) Quantize(codes []int32, y, x []float32, p Params) error {
	err := r.check(p, len(x))
	if err == nil {
		err = checkOutputs(codes, y, len(x))
	}
	if err != nil {
		return prefixed("reactnet", err)
	}
	for i := 0; i < len(x); i += len(p[0]) {
		for c, t := range p[0] {
			v := x[i+c] - t
			if codes != nil {
				codes[i+c] = signCode(orZero(x[i+c]) - t)
			}
			if y != nil {
				y[i+c] = orNaN(v, signOf(v))
			}
		}
	}
	return nil
}

// orZero is x, or 0 for NaN.
func orZero(x float32) float32 {
	if x != x {
		return 0
	}
	return x
}

// Backward implements [Estimator].
func (r RSign) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	err := r.check(p, len(x))
	if err == nil {
		err = checkGradients(dx, dy, len(x), dp, len(p[0]))
	}
	if err != nil {
		return prefixed("reactnet", err)
	}
	var buf [1024]float64
	sums := channels(buf[:], len(p[0]))
	var shifted [1024]float32
	v := channels(shifted[:], len(p[0])) // of one pixel
	for i := 0; i < len(x); i += len(v) {
		for c, t := range p[0] {
			v[c] = x[i+c] - t
		}
		signGrads(r.STE, dx[i:], dy[i:], v)
		for c := range v {
			sums[c] -= float64(dx[i+c])
		}
	}
	for c, sum := range sums {
		dp[0][c] = float32(sum)
	}
	return nil
}
