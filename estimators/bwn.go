package estimators

// BWN is the quantizer of weights of Binary-Weight-Networks, Rastegari et al. 2016, https://arxiv.org/abs/1603.05279,
// section 3.1, with the gradient that most networks built on it use:
//
//	a = mean|x|,  code = sign(x),  y = a*code,  sign(0) = +1
//
//	dx = STE.Grad(dy, x, code, -1, 1)
//
// so the codes are -1 and 1, and a is the scale, of the tensor or of each channel. a is taken anew in each call, in
// float64, and is at least [MinScale]; it is constant in the gradient. The paper's own gradient, in which a is not
// constant, is that of [XNOR]. Nothing is learned. x that is not finite has no mean and is an error.
type BWN struct {
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // gradient of the sign; nil is [Clipped]

	unitLevels
}

var _ Integer = BWN{}

var _ = Register(Method{
	Name:    "bwn",
	Source:  "Rastegari et al. 2016, arXiv 1603.05279, section 3.1",
	Doc:     "the sign of weights times their mean magnitude",
	Weights: true, MinBits: 1, MaxBits: 1, Nearest: true,
	STEs: signSTEs,
	Is:   always(Traits{Levels: Signs}),
	New:  func(s Spec) (Estimator, error) { return newBWN("bwn", s) },
})

// newBWN returns the quantizer of a method whose levels are those of BWN.
func newBWN(method string, s Spec) (BWN, error) {
	ste, err := steFor(s, 1, signSTEs)
	return BWN{Scales: s.Scales, STE: ste, unitLevels: unitLevels{method}}, prefixed(method, err)
}

// CodeScale implements [Integer]: the scale is mean|x|.
func (b BWN) CodeScale(scale, x []float32, _ Params) error {
	a, err := b.scale(x)
	if err == nil {
		err = copyScale(scale, a)
	}
	return b.prefixed("bwn", err)
}

// Forward implements [Estimator].
func (b BWN) Forward(y, x []float32, p Params) error {
	return b.Quantize(nil, wanted(y), x, p)
}

// Quantize implements [Integer].
func (b BWN) Quantize(codes []int32, y, x []float32, p Params) error {
	scale, err := b.scale(x)
	if err == nil {
		err = b.checkForward(codes, y, p, len(x))
	}
	if err != nil {
		return b.prefixed("bwn", err)
	}
	for i := 0; i < len(x); i += len(scale) {
		for c, a := range scale {
			sign := signOf(x[i+c])
			if codes != nil {
				codes[i+c] = int32(sign)
			}
			if y != nil {
				y[i+c] = a * sign
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (b BWN) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	return b.backward(dx, dp, x, dy, p, func(float32, int) (float32, float32) { return 1, 0 })
}

// backward writes dx = through*STE.Grad(dy) + direct*dy. The two factors are those of a channel of n elements.
func (b BWN) backward(dx []float32, dp Params, x, dy []float32, p Params,
	factors func(scale float32, n int) (through, direct float32),
) error {
	scale, err := b.scale(x)
	if err == nil {
		err = b.checkBackward(dx, dp, x, dy, p)
	}
	if err != nil {
		return b.prefixed("bwn", err)
	}
	n := len(x) / len(scale)
	for i := 0; i < len(x); i += len(scale) {
		for c, a := range scale {
			through, direct := factors(a, n)
			v, g := x[i+c], dy[i+c]
			// The conversions keep the compiler from fusing the products with the addition.
			dx[i+c] = float32(through*signGrad(b.STE, g, v, signOf(v))) + float32(direct*g)
		}
	}
	return nil
}

// scale is mean|x|.
func (b BWN) scale(x []float32) ([]float32, error) { return absScale(x, max(b.Scales, 1)) }
