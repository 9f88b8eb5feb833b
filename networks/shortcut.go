package networks

import "fmt"

// Shortcut is the parameter-free projection of ResNets on CIFAR (He et al. 2015, https://arxiv.org/abs/1512.03385,
// section 4.2, option A): every Stride-th pixel, and zeros for the new ones of Out channels, half of them before the old
// ones, rounded down, and the rest after.
type Shortcut struct {
	unary
	Stride, Out int
}

// Kind implements [Op].
func (Shortcut) Kind() Kind { return "shortcut" }

// Shape implements [Op].
func (s Shortcut) Shape(in []Shape) (Shape, error) {
	if s.Out < first(in).C {
		return Shape{}, fmt.Errorf("out is %d; expected %d or more, the input's channels", s.Out, first(in).C)
	}
	if err := positive("stride", s.Stride); err != nil {
		return Shape{}, err
	}
	return Shape{(first(in).H-1)/s.Stride + 1, (first(in).W-1)/s.Stride + 1, s.Out}, nil
}

// NonNegative implements [Op].
func (Shortcut) NonNegative(in []bool) bool { return all(in) }

// Moves implements [Op].
func (Shortcut) Moves() bool { return true }
