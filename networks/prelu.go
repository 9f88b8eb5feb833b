package networks

// PReLU is x, times weight where it is negative, which is learned for each channel (He et al. 2015,
// https://arxiv.org/abs/1502.01852, section 2.1).
type PReLU struct{ same }

// Kind implements [Op].
func (PReLU) Kind() Kind { return "prelu" }

// Arrays implements [Op].
func (PReLU) Arrays(in []Shape) []Array {
	return []Array{{Name: "weight", Shape: []int{first(in).C}, Group: BatchNormGroup, Start: Quarter}}
}

// NonNegative implements [Op].
func (PReLU) NonNegative(in []bool) bool { return all(in) }
