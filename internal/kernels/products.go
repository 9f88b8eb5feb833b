package kernels

// Products returns how many multiply-accumulates a pass over a batch of floats takes at least: those of Winograd's filtering
// where that computes it.
func (g Conv) Products() float64 {
	if f := g.winograd(); f != nil {
		return float64(g.MACs()) * float64(f.elements()) / float64(9*f.step*f.step)
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
