package estimators

import (
	"fmt"
	"math"
)

// IRNet is the quantizer of weights of IR-Net, Qin et al. 2020, https://arxiv.org/abs/1909.10788, sections 3.2 (Libra
// parameter binarization) and 3.3:
//
//	v = (x - mean(x))/std(x),  code = sign(v),  sign(0) = +1
//	a = 2^round(log2(mean|v|)),  y = a*code
//
//	dv = a*STE.Grad(dy, v, code, -1, 1)
//	dx = (dv - mean(dv) - v*sum(dv*v)/(n-1)) / std(x)
//
// so the codes are -1 and 1, and a is the scale, a power of two, of the tensor or of each channel of n elements. std has
// n-1 in its denominator, as in the released code. Statistics are taken anew in each call, in float64; a is constant in
// the gradient, mean and std are not. Where all x are equal, v is 0, a is [MinScale] and dx is 0. Nothing is learned. x
// that is not finite is an error. On activations the method is [Sign] with [EDE].
type IRNet struct {
	Scales int // 1, or the number of channels; 0 is 1
	STE    STE // gradient of the sign, [EDE] in the paper; nil is [Clipped]

	unitLevels
}

var _ Integer = IRNet{}

var _ = Register(Method{
	Name:    "irnet",
	Source:  "Qin et al. 2020, arXiv 1909.10788, section 3",
	Doc:     "the sign of standardized weights times a power of two, and the sign of activations, both with ede",
	Weights: true, Activations: true, MinBits: 1, MaxBits: 1,
	STEs: signSTEsFrom("ede"),
	Is:   isSign,
	New: func(s Spec) (Estimator, error) {
		if !s.Weights {
			return newSign("irnet", s, signSTEsFrom("ede"))
		}
		ste, err := steFor(s, 1, signSTEsFrom("ede"))
		return IRNet{Scales: s.Scales, STE: ste}, prefixed("irnet", err)
	},
})

// balance is what Libra-PB takes from the weights of one scale.
type balance struct {
	mean, std float64
	scale     float32
}

// standardized is v, in float64.
func (b balance) standardized(x float32) float64 {
	if b.std == 0 {
		return 0
	}
	return (float64(x) - b.mean) / b.std
}

// balances returns the statistics of each scale.
func (n IRNet) balances(x []float32) ([]balance, error) {
	count := max(n.Scales, 1)
	if err := checkChannels("scale", count, len(x)); err != nil {
		return nil, err
	}
	all := make([]balance, count)
	for c := range all {
		b := &all[c]
		if b.scale = MinScale; len(x) == 0 {
			continue
		}
		size := float64(len(x) / count)
		b.mean, b.std = meanDeviation(x[c:], count)
		if !(math.Abs(b.mean) <= math.MaxFloat32) {
			return nil, fmt.Errorf("the mean of channel %d is %v; expected finite x", c, b.mean)
		}
		if b.std > 0 {
			b.std *= math.Sqrt(size / (size - 1))
			var magnitudes float64
			for i := c; i < len(x); i += count {
				magnitudes += math.Abs(b.standardized(x[i]))
			}
			exponent := math.RoundToEven(math.Log2(magnitudes / size))
			b.scale = max(float32(math.Ldexp(1, int(exponent))), MinScale)
		}
	}
	return all, nil
}

// CodeScale implements [Integer]: the scale is the power of two.
func (n IRNet) CodeScale(scale, x []float32, _ Params) error {
	all, err := n.balances(x)
	if err == nil && len(scale) != len(all) {
		err = fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(all))
	}
	if err != nil {
		return prefixed("irnet", err)
	}
	for c, b := range all {
		scale[c] = b.scale
	}
	return nil
}

// Forward implements [Estimator].
func (n IRNet) Forward(y, x []float32, p Params) error { return n.Quantize(nil, wanted(y), x, p) }

// Quantize implements [Integer].
func (n IRNet) Quantize(codes []int32, y, x []float32, p Params) error {
	all, err := n.balances(x)
	if err == nil {
		err = n.checkForward(codes, y, p, len(x))
	}
	if err != nil {
		return prefixed("irnet", err)
	}
	for i := 0; i < len(x); i += len(all) {
		for c, b := range all {
			sign := signOf(float32(b.standardized(x[i+c])))
			if codes != nil {
				codes[i+c] = int32(sign)
			}
			if y != nil {
				y[i+c] = b.scale * sign
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (n IRNet) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	all, err := n.balances(x)
	if err == nil {
		err = n.checkBackward(dx, dp, x, dy, p)
	}
	if err != nil {
		return prefixed("irnet", err)
	}
	size := float64(len(x) / len(all))
	for c, b := range all {
		if b.std == 0 {
			for i := c; i < len(x); i += len(all) {
				dx[i] = 0
			}
			continue
		}
		var sum, along float64 // of dv and of dv*v
		for i := c; i < len(x); i += len(all) {
			v := b.standardized(x[i])
			dx[i] = b.scale * signGrad(n.STE, dy[i], float32(v), signOf(float32(v)))
			sum += float64(dx[i])
			along += float64(float64(dx[i]) * v)
		}
		for i := c; i < len(x); i += len(all) {
			dv := float64(dx[i]) - sum/size
			dx[i] = float32((dv - float64(b.standardized(x[i])*along/(size-1))) / b.std)
		}
	}
	return nil
}
