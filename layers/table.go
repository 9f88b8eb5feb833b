package layers

import (
	"strings"

	"github.com/qat-go/qat/configs"
)

// Row describes one layer with weights.
type Row struct {
	Name          string `json:"name"`
	Kind          string `json:"kind"`   // conv or linear
	Input         [3]int `json:"input"`  // H, W, C
	Output        [3]int `json:"output"` // H, W, C
	Kernel        int    `json:"kernel"`
	Stride        int    `json:"stride"`
	WeightBits    int    `json:"weight_bits"` // 32: floating point
	InputBits     int    `json:"input_bits"`  // 32: floating point
	InputSigned   bool   `json:"input_signed"`
	Granularity   string `json:"granularity"`
	WeightMethod  string `json:"weight_estimator"`
	InputMethod   string `json:"input_estimator"`
	Params        int    `json:"params"` // weights, biases, batch norm, RPReLU after the sum
	MACs          int64  `json:"macs"`
	BitOps        int64  `json:"bitops"`    // MACs * weight bits * input bits
	SizeBits      int64  `json:"size_bits"` // weights, and 32 bits for each scale, bias and learned threshold
	NotExportable string `json:"not_exportable,omitempty"`
}

// Table lists the layers that hold weights, in order of execution.
func (n *Network) Table() []Row {
	h, w := n.Input.Height, n.Input.Width
	var rows []Row
	learned := n.net.activations()
	for _, c := range n.net.convs() {
		oh, ow := (h+c.Stride-1)/c.Stride, (w+c.Stride-1)/c.Stride
		weights := c.K * c.K * c.Cin * c.Cout
		r := newRow(Row{
			Name: c.Name, Kind: "conv", Input: [3]int{h, w, c.Cin}, Output: [3]int{oh, ow, c.Cout}, Kernel: c.K, Stride: c.Stride,
			Params: weights + 2*c.Cout, MACs: int64(oh*ow) * int64(weights),
		}, c.Weights, c.Input, weights, c.Cout)
		if a := learned[c]; a != nil {
			for _, p := range a.params() {
				r.Params += len(p.Data())
				r.SizeBits += 32 * int64(len(p.Data()))
			}
		}
		rows = append(rows, r)
		h, w = oh, ow
	}
	l := n.net.Head
	s := l.Weight.Value.Shape()
	return append(rows, newRow(Row{
		Name: l.Name, Kind: "linear", Input: [3]int{1, 1, s[0]}, Output: [3]int{1, 1, s[1]}, Kernel: 1, Stride: 1,
		Params: s[0]*s[1] + s[1], MACs: int64(s[0] * s[1]),
	}, l.Weights, l.Input, s[0]*s[1], s[1]))
}

func newRow(r Row, weights, input *Quantizer, count, channels int) Row {
	r.WeightBits, r.InputBits, r.Granularity, r.WeightMethod, r.InputMethod = 32, 32, "-", "fp", "fp"
	scales := 0
	if weights != nil {
		r.WeightBits, r.WeightMethod = weights.Bits, string(weights.Estimator)
		r.Granularity = string(configs.PerTensor)
		if scales = len(weights.Scale.Data()); scales > 1 {
			r.Granularity = string(configs.PerChannel)
		}
	}
	if input != nil {
		r.InputBits, r.InputSigned, r.InputMethod = input.Bits, input.Signed, string(input.Estimator)
		scales++
	}
	r.BitOps = r.MACs * int64(r.WeightBits) * int64(r.InputBits)
	// Batch norm folds into one bias and one scale a channel.
	r.SizeBits = int64(count)*int64(r.WeightBits) + 32*int64(channels) + 32*int64(max(scales, channels))
	if input != nil {
		r.SizeBits += 32 * int64(input.thresholds())
	}
	r.NotExportable = strings.Join(operandReasons(weights, input), "; ")
	return r
}

// ParamCount returns the learnable parameters of the float network.
func (n *Network) ParamCount() int {
	sum := 0
	for _, r := range n.Table() {
		sum += r.Params
	}
	return sum
}

// Cost returns the size of the deployed network in bytes and its BitOps.
func (n *Network) Cost() (sizeBytes, bitOps int64) {
	for _, r := range n.Table() {
		sizeBytes += r.SizeBits
		bitOps += r.BitOps
	}
	return (sizeBytes + 7) / 8, bitOps
}
