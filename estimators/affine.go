package estimators

import (
	"errors"
	"fmt"
	"math"
)

// Affine is static quantization with a zero point, Jacob et al. 2018, https://arxiv.org/abs/1712.05877, sections 2.1 and
// 3, and the arithmetic of ONNX QuantizeLinear and DequantizeLinear:
//
//	code = clip(round(x/s) + z, Qn, Qp),  y = s*(code - z)
//
//	dx = dy where Qn <= round(x/s) + z <= Qp, else 0    (clipped STE)
//
// in float32. Scale and ZeroPoint have 1 element for the tensor or C for its channels; they are fixed, so nothing is
// learned. Where x is NaN, y is NaN and dx is 0.
type Affine struct {
	Range
	Scale     []float32 // s, positive, in the unit of x
	ZeroPoint []int32   // z, in [Qn, Qp]: the code of the value 0
}

var (
	_ Scaled   = Affine{}
	_ Stateful = Affine{}
)

var _ = Register(Method{
	Name:    "affine",
	Source:  "Jacob et al. 2018, arXiv 1712.05877, sections 2.1 and 3",
	Doc:     "static scale and zero point, from the range of the data",
	Weights: true, Activations: true, MinBits: 1, SignedBits: 2, MaxBits: maxBits, Nearest: true,
	STEs: []string{"clipped"},
	Is: always(Traits{
		Levels: Even, State: []string{"scale", "zero_point"}, Static: true, Zero: ZeroCalibrated, Form: Plain, Pass: PassRounded,
	}),
	New: func(s Spec) (Estimator, error) {
		a := Affine{Range: s.Range, Scale: make([]float32, max(s.Scales, 1)), ZeroPoint: make([]int32, max(s.Scales, 1))}
		for c := range a.Scale {
			a.Scale[c] = 1 // until WithState has a calibrated one
		}
		return a, a.Validate()
	},
})

// NewAffine returns the quantizer whose levels cover [lo, hi], for the tensor or for each channel:
//
//	s = (hi - lo)/(Qp - Qn),  z = clip(round(Qn - lo/s), Qn, Qp)
//
// The range is widened to include 0 first, so that 0 is a level (zero padding and ReLU stay exact). s is at least
// [MinScale], which an empty range (lo = hi = 0) gets.
func NewAffine(r Range, lo, hi []float32) (Affine, error) {
	a := Affine{Range: r, Scale: make([]float32, len(lo)), ZeroPoint: make([]int32, len(lo))}
	err := r.Validate()
	if err == nil && (len(lo) == 0 || len(lo) != len(hi)) {
		err = fmt.Errorf("%d lower and %d upper ends of ranges; expected one pair or one for each channel", len(lo), len(hi))
	}
	if err != nil {
		return Affine{}, prefixed("affine", err)
	}
	qn, qp := float64(r.Qn()), float64(r.Qp())
	for c := range lo {
		if !(lo[c] <= hi[c]) || math.IsInf(float64(lo[c]), 0) || math.IsInf(float64(hi[c]), 0) {
			return Affine{}, fmt.Errorf("affine: the range of channel %d is [%v, %v]; expected finite ends, the lower one first", c, lo[c], hi[c])
		}
		l, h := float64(min(lo[c], 0)), float64(max(hi[c], 0))
		s := (h - l) / (qp - qn)
		if s > math.MaxFloat32 {
			return Affine{}, fmt.Errorf("affine: the range [%v, %v] of channel %d is too wide for a float32 scale", lo[c], hi[c], c)
		}
		a.Scale[c] = max(float32(s), MinScale)
		z := math.RoundToEven(qn - l/float64(a.Scale[c]))
		a.ZeroPoint[c] = int32(min(max(z, qn), qp))
	}
	return a, nil
}

// Validate reports a range that does not exist, a scale that is not positive and finite, and a zero point that is
// missing or no level.
func (a Affine) Validate() error { return prefixed("affine", a.check()) }

func (a Affine) check() error {
	err := a.Range.Validate()
	if err == nil {
		err = checkScale(a.Scale, 0)
	}
	if err == nil && len(a.ZeroPoint) != len(a.Scale) {
		err = fmt.Errorf("%d zero points; expected %d, one for each scale", len(a.ZeroPoint), len(a.Scale))
	}
	for c, z := range a.ZeroPoint {
		if err == nil && (int(z) < a.Qn() || int(z) > a.Qp()) {
			err = fmt.Errorf("zero point %d of channel %d is no level; expected %d to %d", z, c, a.Qn(), a.Qp())
		}
	}
	return err
}

// Params is empty.
func (Affine) Params() []Learned { return nil }

// Init implements [Estimator]; there is nothing to learn.
func (a Affine) Init(p Params, _ []float32) error { return a.checkCall(p, 0) }

// CodeScale implements [Integer]: it is the scale.
func (a Affine) CodeScale(scale, _ []float32, _ Params) error {
	if len(scale) != len(a.Scale) {
		return prefixed("affine", fmt.Errorf("a scale of %d elements; expected %d", len(scale), len(a.Scale)))
	}
	copy(scale, a.Scale)
	return nil
}

// Forward implements [Estimator].
func (a Affine) Forward(y, x []float32, p Params) error {
	if y == nil {
		y = []float32{} // a y that is too short, not one that is not wanted
	}
	return a.Quantize(nil, y, x, p)
}

// Quantize implements [Integer].
func (a Affine) Quantize(codes []int32, y, x []float32, p Params) error {
	err := a.checkCall(p, len(x))
	if err == nil && codes != nil {
		err = checkLength("codes", len(codes), len(x))
	}
	if err == nil && y != nil {
		err = checkLength("y", len(y), len(x))
	}
	if err != nil {
		return prefixed("affine", err)
	}
	for i := 0; i < len(x); i += len(a.Scale) {
		for c, s := range a.Scale {
			z := a.ZeroPoint[c]
			code, value := z, float32(math.NaN())
			if level := a.unclipped(x[i+c], c); level == level {
				code = int32(min(max(level, float64(a.Qn())), float64(a.Qp())))
				value = float32(code-z) * s
			}
			if codes != nil {
				codes[i+c] = code
			}
			if y != nil {
				y[i+c] = value
			}
		}
	}
	return nil
}

// Backward implements [Estimator].
func (a Affine) Backward(dx []float32, dp Params, x, dy []float32, p Params) error {
	err := a.checkCall(p, len(x))
	if err == nil && len(dp) != 0 {
		err = fmt.Errorf("gradients of %d parameters; expected none", len(dp))
	}
	if err == nil {
		err = errors.Join(checkLength("dx", len(dx), len(x)), checkLength("dy", len(dy), len(x)))
	}
	if err != nil {
		return prefixed("affine", err)
	}
	qn, qp := float64(a.Qn()), float64(a.Qp())
	for i, g := range dy {
		level := a.unclipped(x[i], i%len(a.Scale))
		if !(qn <= level && level <= qp) {
			g = 0
		}
		dx[i] = g
	}
	return nil
}

// unclipped is round(x/s) + z for an element of channel c.
func (a Affine) unclipped(x float32, c int) float64 {
	return math.RoundToEven(float64(x/a.Scale[c])) + float64(a.ZeroPoint[c])
}

// checkCall reports a bad quantizer, parameters, or channels that do not divide n elements.
func (a Affine) checkCall(p Params, n int) error {
	if err := a.check(); err != nil {
		return err
	}
	if len(p) != 0 {
		return fmt.Errorf("%d parameters; expected none", len(p))
	}
	return checkChannels("scale", len(a.Scale), n)
}
