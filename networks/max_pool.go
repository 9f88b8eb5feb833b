package networks

// MaxPool is the largest value of each channel in a window; what is outside of the image never wins. It is PyTorch's
// MaxPool2d with dilation 1.
type MaxPool struct {
	unary
	Window
	Ceil bool // PyTorch's ceil_mode: one position more where the last would end outside
}

// Kind implements [Op].
func (MaxPool) Kind() Kind { return "max_pool" }

// Shape implements [Op].
func (m MaxPool) Shape(in []Shape) (Shape, error) { return m.pool(first(in), m.Ceil) }

// NonNegative implements [Op].
func (MaxPool) NonNegative(in []bool) bool { return all(in) }

// Moves implements [Op].
func (MaxPool) Moves() bool { return true }
