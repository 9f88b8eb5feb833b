package networks

import "fmt"

// Add is the sum of two nodes of one shape: of a branch, read first, and of the residual stream.
type Add struct {
	none
	// Real says that the sum keeps real values: no quantizer stands there.
	Real bool
}

// Kind implements [Op].
func (Add) Kind() Kind { return "add" }

// Inputs implements [Op].
func (Add) Inputs() int { return 2 }

// Shape implements [Op].
func (Add) Shape(in []Shape) (Shape, error) {
	if len(in) != 2 {
		return Shape{}, fmt.Errorf("adds %d nodes; expected 2", len(in))
	}
	if in[0] != in[1] {
		return Shape{}, fmt.Errorf("adds %v and %v; expected equal shapes", in[0], in[1])
	}
	return in[0], nil
}

// NonNegative implements [Op].
func (Add) NonNegative(in []bool) bool { return all(in) }
