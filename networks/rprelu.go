package networks

// RPReLU is ReActNet's activation function (Liu et al. 2020, https://arxiv.org/abs/2003.03488, section 4.2): a PReLU of
// slope beta that is moved by gamma and zeta, which are learned for each channel.
type RPReLU struct{ same }

// Kind implements [Op].
func (RPReLU) Kind() Kind { return "rprelu" }

// Arrays implements [Op].
func (RPReLU) Arrays(in []Shape) []Array {
	array := func(name string, start Start) Array {
		return Array{Name: name, Shape: []int{first(in).C}, Group: BatchNormGroup, Start: start, Optional: true} // networks with ReLU have none
	}
	return []Array{array("gamma", Zeros), array("zeta", Zeros), array("beta", Quarter)}
}
