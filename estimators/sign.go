package estimators

import (
	"fmt"
	"math"
	"slices"
)

// Sign is the binary quantizer without a scale that the binary networks use on activations:
//
//	y = code = sign(x),  sign(0) = +1
//
//	dx = STE.Grad(dy, x, y, -1, 1)
//
// so the levels and codes are -1 and 1, and the scale is 1. The gradient is that of Hubara et al. 2016,
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

var _ = Register(Method{
	Name:        "sign",
	Source:      "Hubara et al. 2016, arXiv 1602.02830, section 1",
	Doc:         "the sign of activations, with any of the gradients of a sign",
	Activations: true, MinBits: 1, MaxBits: 1,
	STEs: signSTEs,
	Is:   isSign,
	New:  func(s Spec) (Estimator, error) { return newSign("sign", s, signSTEs) },
})

// isSign are the traits of a sign without a scale of its own, and of weights that are one times a scale.
func isSign(s Spec) Traits {
	_, reste := s.STE.(ReSTE)
	return Traits{Levels: Signs, Form: s.stairs(!reste)}
}

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
func signOf(x float32) float32 { return float32(signCode(x)) }

// signCode is signOf as a code. It does not branch: signs of activations are as good as random, and a processor would
// guess every other one wrong. The bits of negative numbers, -Inf included, are 0x80000001 to 0xff800000.
func signCode(x float32) int32 {
	negative := (uint64(math.Float32bits(x)-0x80000001) - 0x7f800000) >> 63
	return 1 - 2*int32(negative)
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

// signGrads writes dL/dv of signs of v, given g = dL/dq; dv may be g. The papers' gradients are called by their types,
// which the compiler inlines, or without a branch.
func signGrads(ste STE, dv, g, v []float32) {
	g, dv = g[:len(v)], dv[:len(v)]
	switch s := ste.(type) {
	case ApproxSign:
		for i, x := range v {
			dv[i] = s.Grad(g[i], x, 0, -1, 1)
		}
	case Clipped, nil:
		for i, x := range v {
			inside := (uint64(math.Float32bits(magnitude(x))) - 0x3f800001) >> 63 // 1 if |x| <= 1, else 0
			dv[i] = math.Float32frombits(math.Float32bits(g[i]) & -uint32(inside))
		}
	default:
		for i, x := range v {
			dv[i] = signGrad(ste, g[i], x, signOf(x))
		}
	}
}

// CodeScale implements [Integer]: the scale is 1, in every channel.
func (Sign) CodeScale(scale, _ []float32, _ Params) error {
	for c := range scale {
		scale[c] = 1
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
			codes[i] = signCode(v)
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
	signGrads(s.STE, dx, dy, x)
	return nil
}
