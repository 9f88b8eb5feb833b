package integer

// Row describes one layer for tables. Sizes count what is stored: weights
// packed to WeightBits, and 4 bytes for each bias and each scale.
type Row struct {
	Name        string  `json:"name"`
	Kind        string  `json:"kind"`
	Input       [3]int  `json:"input"`  // H, W, C of the first input
	Output      [3]int  `json:"output"` // H, W, C; 1, 1, classes for the logits
	InputBits   int     `json:"input_bits"`
	OutputBits  int     `json:"output_bits"`           // 32 for the logits
	OutputScale float32 `json:"output_scale"`          // 1 for the logits
	WeightBits  int     `json:"weight_bits,omitempty"` // 0: no weights
	Weights     int     `json:"weights,omitempty"`     // their number
	Scales      int     `json:"scales,omitempty"`      // of the int32 sums, one an output channel
	MinScale    float32 `json:"min_scale,omitempty"`
	MaxScale    float32 `json:"max_scale,omitempty"`
	MACs        int64   `json:"macs,omitempty"`
	BitOps      int64   `json:"bitops,omitempty"` // MACs * weight bits * input bits
	SizeBytes   int64   `json:"size_bytes,omitempty"`
}

// weighted is a layer with weights.
type weighted interface {
	weights() (w []int8, bits int, bias []int32, scale []float32)
}

// Describe returns a row for each layer of a network that passes Check.
func (n *Network) Describe() []Row {
	rows := make([]Row, len(n.Layers))
	for i, l := range n.Layers {
		in := n.Tensors[l.Inputs()[0]]
		r := Row{Name: l.LayerName(), Kind: l.Kind(), Input: in.Shape(), InputBits: in.Bits, OutputBits: 32, OutputScale: 1}
		if t := l.Output(); t >= 0 {
			out := n.Tensors[t]
			r.Output, r.OutputBits, r.OutputScale = out.Shape(), out.Bits, out.Scale
		}
		if wl, ok := l.(weighted); ok {
			w, bits, bias, scale := wl.weights()
			if r.Output[0] == 0 {
				r.Output = [3]int{1, 1, len(bias)}
			}
			r.WeightBits, r.Weights, r.Scales, r.MinScale, r.MaxScale = bits, len(w), len(scale), scale[0], scale[0]
			for _, s := range scale {
				r.MinScale, r.MaxScale = min(r.MinScale, s), max(r.MaxScale, s)
			}
			r.MACs = int64(len(w))
			if r.Kind == "conv" {
				r.MACs *= int64(r.Output[0]) * int64(r.Output[1])
			}
			r.BitOps = r.MACs * int64(bits) * int64(in.Bits)
			r.SizeBytes = (int64(len(w))*int64(bits)+7)/8 + 4*int64(len(bias)+len(scale))
		}
		rows[i] = r
	}
	return rows
}

// SizeBytes returns the bytes that weights, biases and scales take.
func (n *Network) SizeBytes() int64 {
	sum := int64(0)
	for _, r := range n.Describe() {
		sum += r.SizeBytes
	}
	return sum
}
