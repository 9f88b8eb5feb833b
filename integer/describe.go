package integer

import "slices"

// Row describes one layer for tables. Sizes count what is stored: weights packed to WeightBits, and 32 bits for each bias
// and each scale.
type Row struct {
	Name, Kind         string
	Input              [3]int // H, W, C of the first input
	Output             [3]int // H, W, C; 1, 1, classes for the logits
	InputBits          int
	InputSigned        bool
	InputScale         float32
	Kernel, Stride     int // 0 where there are no weights
	KernelWidth        int // where it is not Kernel, its height
	StrideWidth        int // likewise
	Groups             int // more than 1
	Weights            int // their number
	WeightBits         int
	Scales             int     // of the int32 sums, one an output channel, each with a bias
	MinScale, MaxScale float32 // of them
	MACs               int64
	BitOps             int64 // MACs * weight bits * input bits
	SizeBits           int64
}

// Weights are those of one layer, with shape (Height, Width, In, Out), and what belongs to their outputs.
type Weights struct {
	Codes                  []int8
	Height, Width, In, Out int
	Bits                   int
	Bias                   []int32
	Scale                  []float32 // of the int32 sums
}

// weighted is a layer with weights.
type weighted interface {
	weights(n *Network) *Weights
	// describe completes the row: the kernel, the output that is no tensor, MACs.
	describe(n *Network, r *Row)
}

// Weights returns those of a layer, nil if it has none.
func (n *Network) Weights(l Layer) *Weights {
	if l, ok := l.(weighted); ok {
		return l.weights(n)
	}
	return nil
}

// Describe returns a row for each layer of a network that passes Check, none for another.
func (n *Network) Describe() []Row {
	if n.Check() != nil {
		return nil
	}
	rows := make([]Row, len(n.Layers))
	for i, l := range n.Layers {
		in := n.Tensors[l.Inputs()[0]]
		r := Row{Name: l.LayerName(), Kind: l.Kind(), Input: in.Shape(), InputBits: in.Bits, InputSigned: in.Signed, InputScale: in.Scale}
		if t := l.Output(); t >= 0 {
			r.Output = n.Tensors[t].Shape()
		}
		if l, ok := l.(weighted); ok {
			l.describe(n, &r)
			w := l.weights(n)
			r.Weights, r.WeightBits, r.Scales = len(w.Codes), w.Bits, len(w.Scale)
			r.MinScale, r.MaxScale = slices.Min(w.Scale), slices.Max(w.Scale)
			r.BitOps = r.MACs * int64(w.Bits) * int64(in.Bits)
			r.SizeBits = int64(len(w.Codes))*int64(w.Bits) + 32*int64(len(w.Bias)+len(w.Scale))
		}
		rows[i] = r
	}
	return rows
}

// SizeBytes returns the bytes that weights, biases and scales take, each layer in whole bytes.
func (n *Network) SizeBytes() int64 {
	sum := int64(0)
	for _, r := range n.Describe() {
		sum += (r.SizeBits + 7) / 8
	}
	return sum
}
