package layers

import (
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// Row describes one layer with weights.
type Row struct {
	Name          string `json:"name"`
	Kind          string `json:"kind"`   // conv or linear
	Input         [3]int `json:"input"`  // H, W, C
	Output        [3]int `json:"output"` // H, W, C
	Kernel        int    `json:"kernel"`
	KernelWidth   int    `json:"kernel_width,omitempty"` // where it is not kernel
	Stride        int    `json:"stride"`
	StrideWidth   int    `json:"stride_width,omitempty"` // where it is not stride
	Groups        int    `json:"groups,omitempty"`       // where there are several
	WeightBits    int    `json:"weight_bits"`            // 32: floating point
	InputBits     int    `json:"input_bits"`             // 32: floating point
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
	if n.made() != nil {
		return nil
	}
	costs, err := n.graph.Table()
	if err != nil {
		panic(err) // New has checked the network
	}
	var rows []Row
	for i, l := range n.weighted() {
		rows = append(rows, newRow(costs[i], l))
	}
	return rows
}

func newRow(cost networks.Row, l *layer) Row {
	r := Row{Name: cost.Name, Kind: string(cost.Kind), Input: cost.In.Array(), Output: cost.Out.Array(), Kernel: 1, Stride: 1, Params: cost.Params, MACs: cost.MACs,
		WeightBits: 32, InputBits: 32, Granularity: "-", WeightMethod: "fp", InputMethod: "fp"}
	if c, ok := cost.Op.(networks.Conv); ok {
		r.Kernel, r.Stride = c.Kernel.H, c.Stride.H
		if c.Kernel.W != r.Kernel {
			r.KernelWidth = c.Kernel.W
		}
		if c.Stride.W != r.Stride {
			r.StrideWidth = c.Stride.W
		}
		if c.Groups > 1 {
			r.Groups = c.Groups
		}
	}
	scales := 0
	if q := l.weights; q != nil {
		r.WeightBits, r.WeightMethod, r.Granularity = q.Bits(), string(q.Estimator()), string(configs.PerTensor)
		if scales = len(q.Scale.Data()); scales > 1 {
			r.Granularity = string(configs.PerChannel)
		}
	}
	if q := l.input; q != nil {
		r.InputBits, r.InputSigned, r.InputMethod = q.Bits(), q.Signed(), string(q.Estimator())
		scales++
	}
	r.BitOps = cost.BitOps(r.WeightBits, r.InputBits)
	r.SizeBits = cost.SizeBits(r.WeightBits, scales)
	if l.input != nil {
		r.SizeBits += 32 * int64(l.input.thresholds())
	}
	r.NotExportable = strings.Join(operandReasons(l.weights, l.input), "; ")
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
