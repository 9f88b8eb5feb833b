package networks

// GlobalAveragePool is the mean of each channel over all pixels.
type GlobalAveragePool struct{ unary }

// Kind implements [Op].
func (GlobalAveragePool) Kind() Kind { return "average_pool" }

// Shape implements [Op].
func (GlobalAveragePool) Shape(in []Shape) (Shape, error) { return Shape{1, 1, in[0].C}, nil }

// NonNegative implements [Op].
func (GlobalAveragePool) NonNegative(in []bool) bool { return in[0] }
