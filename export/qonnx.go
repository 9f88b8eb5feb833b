package export

import (
	"fmt"
	"slices"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnx"
)

// The extension ends with onnx, as the programs that read QONNX expect.
var qonnxFormat = format{
	name: configs.QONNX, extension: "qonnx.onnx",
	kinds: func() []string { return sortedKeys(qonnxKinds) },
	write: func(path string, net *integer.Network, _ Options) error {
		m, err := NewONNXModel(net, configs.QONNX, Options{})
		if err != nil {
			return err
		}
		return m.writeFile(path)
	},
}

// Versions of ONNX's operators and of the file format; model-local functions
// came with the latter.
const (
	qonnxOpset = 13
	qonnxIR    = 8
)

// qonnxGraph adds the network with Quant and BipolarQuant nodes between
// operators on real numbers (Pappalardo et al. 2022, arXiv 2206.07527).
type qonnxGraph struct {
	*onnxGraph
	values []string // the real values of the network's tensors
	zero   string   // a scalar
}

// qonnx returns the model in QONNX form, with functions that define its nodes
// for runtimes that do not know them.
func qonnx(net *integer.Network) (*ONNXModel, error) {
	metadata, err := onnxMetadata(net)
	if err != nil {
		return nil, err
	}
	g := &qonnxGraph{onnxGraph: newONNXGraph(net, net.Logits().Out), values: make([]string, len(net.Tensors))}
	g.zero = g.floats("zero", []float32{0})
	lo, hi := net.Tensors[0].Range()
	if err := g.quantize(onnxInput, onnxInput, 0, lo, hi); err != nil {
		return nil, err
	}
	for _, l := range net.Layers {
		if err := qonnxKinds.write(g, l); err != nil {
			return nil, err
		}
	}
	return &ONNXModel{net: net, Values: g.values, model: onnx.Model{
		IRVersion: qonnxIR, Producer: "qat", Metadata: metadata, Graph: g.Graph, Functions: qonnxFunctions(),
		Opsets: []onnx.Opset{{Version: qonnxOpset}, {Domain: qonnxDomain, Version: 1}}}}, nil
}

// qonnxKinds has a row for each kind of layer.
var qonnxKinds = table[*qonnxGraph]{
	"conv": row(func(g *qonnxGraph, l *integer.Conv) error {
		w, err := weightsOf(g.net, l)
		if err != nil {
			return err
		}
		weight, bias := g.weights(l.Name, w)
		sum := g.convolution(l, l.Name+".sum", g.values[l.In], weight, bias)
		return g.quantize(l.Name, g.relu(l.Name, sum, l.Out, l.Lo), l.Out, l.Lo, l.Hi)
	}),
	"requantize": row(func(g *qonnxGraph, l *integer.Requantize) error {
		x := g.values[l.In]
		if lowest, _ := g.net.Tensors[l.Out].Range(); l.Lo > lowest {
			x = g.relu(l.Name, x, l.Out, l.Lo)
		}
		return g.quantize(l.Name, x, l.Out, l.Lo, l.Hi)
	}),
	"add": row(func(g *qonnxGraph, l *integer.Add) error {
		sum := g.node(l.Name, "Add", l.Name+".sum", []string{g.values[l.A], g.values[l.B]})
		return g.quantize(l.Name, g.relu(l.Name, sum, l.Out, l.Lo), l.Out, l.Lo, l.Hi)
	}),
	"shortcut": row(func(g *qonnxGraph, l *integer.Shortcut) error {
		g.values[l.Out] = g.shortcut(l, g.values[l.In], g.zero, l.Name+".real")
		return nil
	}),
	"max_pool": row(func(g *qonnxGraph, l *integer.MaxPool) error {
		g.values[l.Out] = g.maxPool(l, g.values[l.In], l.Name+".real")
		return nil
	}),
	"concat": row(func(g *qonnxGraph, l *integer.Concat) error {
		g.values[l.Out] = g.node(l.Name, "Concat", l.Name+".real", []string{g.values[l.A], g.values[l.B]}, attribute("axis", int64(1)))
		return nil
	}),
	"lookup": row(func(g *qonnxGraph, l *integer.Lookup) error {
		// Values are codes times the scale: the table's entries are found by the codes, and are values.
		in, to := g.net.Tensors[l.In], g.net.Tensors[l.Out]
		scaled := g.node(l.Name+".scaled", "Div", l.Name+".scaled", []string{g.values[l.In], g.floats(l.Name+".scale", []float32{in.Scale})})
		whole := g.node(l.Name+".whole", "Round", l.Name+".whole", []string{scaled})
		codes := g.node(l.Name+".code", "Add", l.Name+".code", []string{whole, g.floats(l.Name+".zero_point", []float32{float32(in.ZeroPoint)})})
		table := make([]float32, len(l.Table))
		for i, v := range l.Table {
			table[i] = to.Scale * float32(int(v)-int(to.ZeroPoint))
		}
		g.values[l.Out] = g.lookup(l, codes, g.floats(l.Name+".table", table, int64(len(table))), l.Name+".real")
		return nil
	}),
	"average_pool": row(func(g *qonnxGraph, l *integer.AveragePool) error {
		lo, hi := g.net.Tensors[l.Out].Range()
		return g.quantize(l.Name, g.node(l.Name, "GlobalAveragePool", l.Name+".mean", []string{g.values[l.In]}), l.Out, lo, hi)
	}),
	"average_window": row(func(g *qonnxGraph, l *integer.AverageWindow) error {
		lo, hi := g.net.Tensors[l.Out].Range()
		return g.quantize(l.Name, g.averageWindow(l), l.Out, lo, hi)
	}),
	"linear": row(func(g *qonnxGraph, l *integer.Linear) error {
		w, err := weightsOf(g.net, l)
		if err != nil {
			return err
		}
		w.flatten()
		flat := g.node(l.Name+".flatten", "Flatten", l.Name+".flat", []string{g.values[l.In]})
		weight, bias := g.weights(l.Name, w)
		g.node(l.Name, "Gemm", onnxLogits, []string{flat, weight, bias}, attribute("transB", int64(1)))
		return nil
	}),
}

// relu adds a Relu if lo, the lowest code of x in tensor t, stands for zero.
func (g *qonnxGraph) relu(name, x string, t int, lo uint8) string {
	if lo != g.net.Tensors[t].ZeroPoint {
		return x
	}
	return g.node(name+".relu", "Relu", name+".relu", []string{x})
}

// quantize brings x to tensor t. The zero point of a signed tensor is that of its
// codes, which are unsigned; its real values have none.
func (g *qonnxGraph) quantize(name, x string, t int, lo, hi uint8) error {
	to := g.net.Tensors[t]
	lowest, highest := to.Range()
	if hi < to.ZeroPoint || lo != lowest && lo != to.ZeroPoint {
		return fmt.Errorf("%s: codes clamped to %d..%d of %d..%d; QONNX knows the whole range, ReLU, and what ends above it", name, lo, hi, lowest, highest)
	}
	if hi < highest {
		x = g.node(name+".min", "Min", name+".min", []string{x, g.floats(name+".highest", []float32{to.Scale * float32(hi-to.ZeroPoint)})})
	}
	zeroPoint := to.ZeroPoint
	if to.Signed {
		zeroPoint = 0
	}
	q := quantizer{bits: to.Bits, signed: to.Signed, narrow: to.Narrow, zeroPoint: zeroPoint}
	g.values[t] = g.quant(name, x, name+".real", q, []float32{to.Scale})
	return nil
}

// quantizer are the parameters of a Quant node but its scale.
type quantizer struct {
	bits           int
	signed, narrow bool
	zeroPoint      uint8
}

// quant adds a Quant node; the scale has the given shape, none for a scalar.
func (g *qonnxGraph) quant(name, x, output string, q quantizer, scale []float32, dims ...int64) string {
	zeroPoint := g.zero
	if q.zeroPoint != 0 {
		zeroPoint = g.floats(name+".zero_point", []float32{float32(q.zeroPoint)})
	}
	inputs := []string{x, g.floats(name+".scale", scale, dims...), zeroPoint, g.floats(name+".bits", []float32{float32(q.bits)})}
	flag := map[bool]int64{true: 1}
	return g.custom(qonnxDomain, name+".quant", "Quant", output, inputs,
		attribute("narrow", flag[q.narrow]), attribute("rounding_mode", "ROUND"), attribute("signed", flag[q.signed]))
}

// weights adds a layer's weights and bias and returns the names of their values.
// They are stored as real numbers, which quantization does not change.
func (g *qonnxGraph) weights(name string, w *symmetric) (weight, bias string) {
	outputs := int64(len(w.Scale))
	real := make([]float32, len(w.Codes))
	for i, v := range w.Codes {
		real[i] = float32(v) * w.Scale[i/(len(w.Codes)/len(w.Scale))]
	}
	dims, ones := make([]int64, len(w.Shape)), make([]int64, len(w.Shape))
	for i, d := range w.Shape {
		dims[i], ones[i] = int64(d), 1
	}
	ones[0] = outputs
	weight = g.floats(name+".weight", real, dims...)
	if bipolar(w) {
		weight = g.custom(qonnxDomain, name+".weight.quant", "BipolarQuant", name+".weight.real",
			[]string{weight, g.floats(name+".weight.scale", w.Scale, ones...)})
	} else {
		q := quantizer{bits: w.Bits, signed: true, narrow: w.Bits > 1 && slices.Min(w.Codes) > -1<<(w.Bits-1)}
		weight = g.quant(name+".weight", weight, name+".weight.real", q, w.Scale, ones...)
	}
	real = make([]float32, outputs)
	for o, b := range w.Bias {
		real[o] = float32(b) * w.Sum[o]
	}
	bias = g.quant(name+".bias", g.floats(name+".bias", real, outputs), name+".bias.real", quantizer{bits: 32, signed: true}, w.Sum, outputs)
	return weight, bias
}

// bipolar reports whether all weights are -1 or 1.
func bipolar(w *symmetric) bool {
	return !slices.ContainsFunc(w.Codes, func(v int16) bool { return v != -1 && v != 1 })
}
