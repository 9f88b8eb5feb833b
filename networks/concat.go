package networks

import "fmt"

// Concat is the channels of two or more nodes behind one another, in their order.
type Concat struct{ none }

// Kind implements [Op].
func (Concat) Kind() Kind { return "concat" }

// Inputs implements [Op].
func (Concat) Inputs() int { return Several }

// Shape implements [Op].
func (Concat) Shape(in []Shape) (Shape, error) {
	if len(in) == 0 {
		return Shape{}, fmt.Errorf("joins no nodes; expected 2 or more")
	}
	s := in[0]
	for _, next := range in[1:] {
		if next.H != s.H || next.W != s.W {
			return Shape{}, fmt.Errorf("joins %v and %v; expected equal heights and widths", in[0], next)
		}
		s.C += next.C
	}
	return s, nil
}

// NonNegative implements [Op].
func (Concat) NonNegative(in []bool) bool {
	for _, positive := range in {
		if !positive {
			return false
		}
	}
	return true
}
