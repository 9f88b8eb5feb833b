package networks

// ReLU is max(x, 0).
type ReLU struct{ same }

// Kind implements [Op].
func (ReLU) Kind() Kind { return "relu" }

// NonNegative implements [Op].
func (ReLU) NonNegative([]bool) bool { return true }
