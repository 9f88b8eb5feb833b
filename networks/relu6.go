package networks

// ReLU6 is min(max(x, 0), 6).
type ReLU6 struct{ same }

// Kind implements [Op].
func (ReLU6) Kind() Kind { return "relu6" }

// NonNegative implements [Op].
func (ReLU6) NonNegative([]bool) bool { return true }
