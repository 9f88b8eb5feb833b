package integer

// Lifetime is when a tensor is in use: from the layer that writes it, the first for the input, to the last that reads it.
type Lifetime struct{ First, Last int }

// Lifetimes returns those of all tensors of a network that passes Check, none of another.
func (n *Network) Lifetimes() []Lifetime {
	if n.Check() != nil {
		return nil
	}
	all := make([]Lifetime, len(n.Tensors))
	for i, l := range n.Layers {
		for _, t := range l.Inputs() {
			all[t].Last = i
		}
		if t := l.Output(); t >= 0 {
			all[t] = Lifetime{i, i}
		}
	}
	return all
}

// PeakBits is the most that the codes of an image take at a time, each tensor in its own bits.
func (n *Network) PeakBits() int64 {
	if n == nil {
		return 0
	}
	at := make([]int64, len(n.Layers))
	for t, l := range n.Lifetimes() {
		for i := l.First; i <= l.Last; i++ {
			at[i] += int64(n.Tensors[t].Len()) * int64(n.Tensors[t].Bits)
		}
	}
	most := int64(0)
	for _, bits := range at {
		most = max(most, bits)
	}
	return most
}
