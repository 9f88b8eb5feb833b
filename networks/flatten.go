package networks

// Flatten is the image as the channels of one pixel, in the order of memory: height, width, channels. PyTorch's order is
// channels, height, width: weights that read it are sorted when they come from there.
type Flatten struct{ unary }

// Kind implements [Op].
func (Flatten) Kind() Kind { return "flatten" }

// Shape implements [Op].
func (Flatten) Shape(in []Shape) (Shape, error) { return Shape{1, 1, first(in).Len()}, nil }

// NonNegative implements [Op].
func (Flatten) NonNegative(in []bool) bool { return all(in) }

// Moves implements [Op].
func (Flatten) Moves() bool { return true }
