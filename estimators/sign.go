package estimators

import (
	"fmt"
	"slices"
)

// Sign is the binary quantizer without a scale that the binary networks use on activations:
//
//	y = code = sign(x),  sign(0) = +1
//
//	dx = STE.Grad(dy, x, y, -1, 1)
//
// so the levels and codes are -1 and 1, and the step is 1. The gradient is that of Hubara et al. 2016,
// https://arxiv.org/abs/1602.02830, section 1.3, unless another one is given. x has any shape; nothing is learned.
// Where x is NaN, y is NaN, the code is that of 0, and dx is 0.
type Sign struct {
	STE STE // gradient of the sign; nil is [Clipped]

	unitLevels
}

var _ Integer = Sign{}

// signSTEs are the gradient estimators that stand for the derivative of a sign.
var signSTEs = []string{"clipped", "identity", "approx_sign", "swish_sign", "ede", "reste"}

// signSTEsFrom returns signSTEs with the one of a paper first.
func signSTEsFrom(first string) []string {
	rest := slices.DeleteFunc(slices.Clone(signSTEs), func(name string) bool { return name == first })
	return append([]string{first}, rest...)
}

var _ = register(Method{
	Name:        "sign",
	Source:      "Hubara et al. 2016, arXiv 1602.02830, section 1",
	Doc:         "the sign of activations, with any of the gradients of a sign",
	Activations: true, MinBits: 1, MaxBits: 1,
	STEs: signSTEs,
	New:  func(s Spec) (Estimator, error) { return newSign("sign", s, signSTEs) },
})

// newSign returns the sign of a method whose levels are -1 and 1.
func newSign(method string, s Spec, fit []string) (Sign, error) {
	ste, err := steFor(s, 1, fit)
	return Sign{STE: ste, unitLevels: unitLevels{method}}, prefixed(method, err)
}

// steFor checks the spec of a method that has so many bits, and returns its STE, which is one of those that fit.
// Without one it is the first of them.
func steFor(s Spec, bits int, fit []string) (STE, error) {
	if s.Bits != bits {
		return nil, fmt.Errorf("%d bits; expected %d", s.Bits, bits)
	}
	if s.STE == nil {
		kind, err := STENamed(fit[0])
		if err != nil {
			return nil, err
		}
		return kind.New(nil)
	}
	return s.STE, checkSTE(s.STE, fit...)
}

// signOf is -1 or 1, and 1 for 0 and NaN.
func signOf(x float32) float32 {
	if x < 0 {
		return -1
	}
	return 1
}

// orNaN is y, or NaN if x is.
func orNaN(x, y float32) float32 {
	if x != x {
		return x
	}
	return y
}

// signGrad is dL/dx of a sign with that gradient; nil is [Clipped].
func signGrad(ste STE, g, x, q float32) float32 {
	switch {
	case x != x:
		return 0
	case ste == nil:
		return Clipped{}.Grad(g, x, q, -1, 1)
	}
	return ste.Grad(g, x, q, -1, 1)
}

// Step implements [Integer]: the step is 1, in every channel.
func (Sign) Step(step, _ []float32, _ Params) error {
	for c := range step {
		step[c] = 1
	}
	return nil
}

// Forward implements [Estimator].
func (s Sign) Forward(y, x []float32, p Params) error {
	return s.Quantize(nil, wanted(y), x, p)
}

// Quantize implements [Integer].
func (s Sign) Quantize(codes []int32, y, x []float32, p Params) error {
	if err := s.checkForward(codes, y, p, len(x)); err != nil {
		return s.prefixed("sign", err)
	}
	for i, v := range x {
		if codes != nil {
			codes[i] = int32(signOf(v))
		}
		if y != nil {
			y[i] = orNaN(v, signOf(v))
		}
	}
	return nil
}

// Backward implements [Estimator].
func (s Sign) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	if err := s.checkBackward(dx, dp, x, dy, p); err != nil {
		return s.prefixed("sign", err)
	}
	for i, v := range x {
		dx[i] = signGrad(s.STE, dy[i], v, signOf(v))
	}
	return nil
}
