package networks

import (
	"fmt"
	"math"
)

// LeakyReLU is x, times Slope where it is negative.
type LeakyReLU struct {
	same
	Slope float64 // PyTorch's default is 0.01
}

// Kind implements [Op].
func (LeakyReLU) Kind() Kind { return "leaky_relu" }

// Shape implements [Op].
func (l LeakyReLU) Shape(in []Shape) (Shape, error) {
	if !(l.Slope >= 0) || math.IsInf(l.Slope, 1) {
		return Shape{}, fmt.Errorf("slope is %g; expected a finite number of 0 or more", l.Slope)
	}
	return first(in), nil
}

// NonNegative implements [Op].
func (LeakyReLU) NonNegative(in []bool) bool { return all(in) }
