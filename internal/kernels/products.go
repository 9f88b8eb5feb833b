package kernels

// Products returns how many multiply-accumulates a pass over a batch of floats takes at least: those of Winograd's filtering
// where that computes it.
func (g Conv) Products() float64 {
	if g.winograd() {
		return float64(g.MACs()) * 16 / 36
	}
	return float64(g.MACs())
}

// CodeProducts returns how many a pass over codes takes, in products of bytes. Without VNNI, Winograd's filtering takes a
// quarter of them, of words, which are half as many an instruction.
func (g Conv) CodeProducts() float64 {
	if addsPairs() && g.square(3, 1, 1) {
		return float64(g.MACs()) / 2
	}
	return float64(g.MACs())
}
