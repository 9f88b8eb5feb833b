// Package estimators holds the quantizers and the gradient estimators that train them, as plain math on float32 slices.
// One published method is one file, named after it.
//
// Notation, here and in the methods' comments: x input, y output, dy = dL/dy, s scale, z zero point, k bits,
// Qn and Qp the smallest and the largest integer level ([Range]), v = x/s, N the number of elements that share one s.
// Rounding is half to even, as in ONNX QuantizeLinear and PyTorch, and x is divided by s, never multiplied by 1/s.
// Gradients are named d and what they belong to: dx, dscale.
//
// Tensors are flat, with the channel axis last (NHWC activations, HWIO weights). A parameter has 1 element, for the
// whole tensor, or C elements, one for each channel: element i of x then belongs to channel i mod C.
//
// NaN in x gives NaN in y; infinities saturate. A scale that is not positive and finite is an error, as is every
// mismatch of lengths. Nothing panics on values, and inputs are not modified.
package estimators

import (
	"fmt"
	"math"
)

// Params are an estimator's learned parameters or the gradients of them, in the order of [Estimator.Params].
type Params [][]float32

// Learned describes a parameter that an estimator learns.
type Learned struct {
	Name     string
	Len      int  // 1 for the tensor, or one for each channel, or as many as the method has
	Positive bool // training keeps it at or above [MinScale]
}

// Estimator is a quantizer together with the gradient that training uses for it. It is a value: nothing in it changes
// from call to call, and several goroutines may use it at once.
type Estimator interface {
	// Params describes the learned parameters, in order; none for a static quantizer.
	Params() []Learned

	// Init writes the values that the learned parameters start from, given the weights or the first training batch.
	Init(p Params, x []float32) error

	// Forward writes the quantized x, in the unit of x, to y, which has the length of x and may be x itself.
	Forward(y, x []float32, p Params) error

	// Backward writes dL/dx to dx and the gradients of the parameters to dp, given x and dy = dL/dy. dx has the length
	// of x and may be dy itself; dp has the lengths of p. Sums run in the order of x in float64 and are rounded once.
	Backward(dx []float32, dp Params, x, dy []float32, p Params) error
}

// Integer is an estimator whose outputs are integers times a scale: y = scale*(code - z).
type Integer interface {
	Estimator

	// Qn and Qp are the smallest and the largest code; not every code between them need be a level.
	Qn() int
	Qp() int

	// CodeScale writes the scale of the codes, for the tensor or for each channel. Methods that take it from the statistics
	// of x need x. A parameter named scale may be another: that of EWGS is the largest value.
	CodeScale(scale, x []float32, p Params) error

	// Quantize writes the integer level of each element of x to codes and its value to y; either may be nil. A code
	// cannot be NaN: NaN in x gets the code of the value 0, and the caller who has codes only must check x.
	Quantize(codes []int32, y, x []float32, p Params) error
}

// Random is an estimator that draws random numbers in training.
type Random interface {
	Estimator

	// Seeded returns the estimator with a seed for the next Forward and Backward: the same seed gives the same numbers,
	// whatever the threads do. Without a seed it does what evaluation does: rounds to nearest, adds no noise.
	Seeded(seed uint64) Estimator
}

// Noisy is a random estimator whose outputs in training are not its levels: there are codes in evaluation only.
type Noisy interface {
	Random
	Noisy()
}

// Stateful is an estimator with arrays that training updates by other means than gradients, such as a codebook or the
// share of weights that is frozen. Checkpoints keep them.
type Stateful interface {
	Estimator

	// State describes the arrays for n elements of x.
	State(n int) []Learned

	// Update writes the arrays for x; step is how many updates went before, so 0 initialises them.
	Update(state Params, x []float32, p Params, step int) error

	// WithState returns the estimator that uses the arrays.
	WithState(state Params) Estimator
}

// MinScale is the smallest scale that an initialisation or a calibration returns: the distance from 1 to the next
// float32, 2^-23, which PyTorch's observers use too. All-zero data gets it, so that a scale is always positive.
const MinScale = 0x1p-23

// prefixed says where an error comes from; nil stays nil.
func prefixed(method string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", method, err)
}

// checkLength reports a slice that has not one element for each of the want elements of x.
func checkLength(name string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s has %d elements; expected %d, as many as x", name, got, want)
	}
	return nil
}

// checkChannels reports a parameter that does not divide n elements into channels.
func checkChannels(name string, channels, n int) error {
	if channels == 0 || n%channels != 0 {
		return fmt.Errorf("%s has %d elements; expected 1 or the number of channels, a divisor of the %d elements of x", name, channels, n)
	}
	return nil
}

// checkScale reports a scale that is not positive and finite, or not one for each channel of n elements.
func checkScale(scale []float32, n int) error {
	if err := checkChannels("scale", len(scale), n); err != nil {
		return err
	}
	for c, s := range scale {
		if !(s > 0) || math.IsInf(float64(s), 1) {
			return fmt.Errorf("scale[%d] is %v; expected a positive finite number", c, s)
		}
	}
	return nil
}

// clampRound is the level in [qn, qp] nearest to v, halves to even; NaN stays NaN.
func clampRound(v float32, qn, qp float64) float64 {
	return math.RoundToEven(min(max(float64(v), qn), qp))
}
