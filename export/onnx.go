package export

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnx"
)

// DefaultOpset is the version of ONNX's operators that files of the format
// onnx use unless told otherwise.
const DefaultOpset = 21

// opsets are the versions that can be written, with the lowest version of the
// file format that has them.
var opsets = map[int]int64{13: 7, 21: 10, 25: 13}

// Opsets returns the versions of ONNX's operators that the format onnx can have, sorted:
// 13 stores all weights in 8 bits, 21 those of at most 4 bits in 4, 25 also
// those of at most 2 bits in 2.
func Opsets() []int { return []int{13, DefaultOpset, 25} }

var onnxFormat = format{
	name: configs.ONNX, extension: "onnx",
	kinds: func() []string { return sortedKeys(qdqKinds) },
	write: func(path string, net *integer.Network, o Options) error {
		m, err := NewONNXModel(net, configs.ONNX, o)
		if err != nil {
			return err
		}
		return m.writeFile(path)
	},
}

// qdqGraph adds the network in QDQ form: operators on real numbers between
// DequantizeLinear and QuantizeLinear, which runtimes fuse to integer kernels.
// docs/export.md has the conventions. For each tensor of the network it knows the
// values of the graph that stand for it.
type qdqGraph struct {
	*onnxGraph
	Options
	states []qdqState
	stored []StoredWeights
}

// qdqState are the names of a tensor's values in the graph.
type qdqState struct {
	name             string // of the layer that writes the tensor
	codes            string // uint8
	real             string // float32, once a node needs it
	scale, zeroPoint string
}

// qdq returns the model in QDQ form.
func qdq(net *integer.Network, o Options) (*ONNXModel, error) {
	if o.Opset == 0 {
		o.Opset = DefaultOpset
	}
	ir, ok := opsets[o.Opset]
	if !ok {
		return nil, fmt.Errorf("opset %d is not available; want one of %v", o.Opset, Opsets())
	}
	if w := []configs.ONNXWeights{"", configs.ONNXAuto, configs.ONNXInt8, configs.ONNXUint8}; !slices.Contains(w, o.Weights) {
		return nil, fmt.Errorf("weights %q are not available; want one of %q", o.Weights, w[1:])
	}
	if s := []configs.ONNXSums{"", configs.ONNXReal, configs.ONNXFused}; !slices.Contains(s, o.Sums) {
		return nil, fmt.Errorf("sums %q are not available; want one of %q", o.Sums, s[1:])
	}
	metadata, err := onnxMetadata(net)
	if err != nil {
		return nil, err
	}
	g := &qdqGraph{onnxGraph: newONNXGraph(net, net.Logits().Out), Options: o, states: make([]qdqState, len(net.Tensors))}
	lo, hi := net.Tensors[0].Range()
	g.quantize(onnxInput, onnxInput, 0, lo, hi)
	for _, l := range net.Layers {
		if err := qdqKinds.write(g, l); err != nil {
			return nil, err
		}
	}
	m := &ONNXModel{net: net, Codes: true, model: onnx.Model{
		IRVersion: ir, Producer: "qat", Opsets: []onnx.Opset{{Version: int64(o.Opset)}}, Metadata: metadata, Graph: g.Graph}, Weights: g.stored}
	for _, s := range g.states {
		m.Values = append(m.Values, s.codes)
	}
	return m, nil
}

// qdqKinds has a row for each kind of layer.
var qdqKinds = table[*qdqGraph]{
	"conv": row(func(g *qdqGraph, l *integer.Conv) error {
		w, err := weightsOf(g.net, l)
		if err != nil {
			return err
		}
		weight, bias := g.weights(l, w)
		sum := g.convolution(l, l.Name+".sum", g.real(l.In), weight, bias)
		g.activation(l.Name, sum, l.Out, l.Lo, l.Hi)
		return nil
	}),
	"requantize": row(func(g *qdqGraph, l *integer.Requantize) error {
		g.quantize(l.Name, g.real(l.In), l.Out, l.Lo, l.Hi)
		return nil
	}),
	"add": row(func(g *qdqGraph, l *integer.Add) error {
		g.sum(l)
		return nil
	}),
	"shortcut": row(func(g *qdqGraph, l *integer.Shortcut) error {
		// Slice and Pad work on codes; the zero point is real zero.
		s := g.states[l.In]
		g.states[l.Out] = qdqState{name: l.Name, codes: g.shortcut(l, s.codes, s.zeroPoint, l.Name+".codes"), scale: s.scale, zeroPoint: s.zeroPoint}
		return nil
	}),
	"max_pool": row(func(g *qdqGraph, l *integer.MaxPool) error {
		// Codes have the order of what they stand for, and runtimes have the operator for uint8.
		s := g.states[l.In]
		g.states[l.Out] = qdqState{name: l.Name, codes: g.maxPool(l, s.codes, l.Name+".codes"), scale: s.scale, zeroPoint: s.zeroPoint}
		return nil
	}),
	"concat": row(func(g *qdqGraph, l *integer.Concat) error {
		a, b := g.states[l.A], g.states[l.B]
		g.states[l.Out] = qdqState{name: l.Name, codes: g.node(l.Name, "Concat", l.Name+".codes", []string{a.codes, b.codes}, attribute("axis", int64(1))),
			scale: a.scale, zeroPoint: a.zeroPoint}
		return nil
	}),
	"lookup": row(func(g *qdqGraph, l *integer.Lookup) error {
		to, codes := g.net.Tensors[l.Out], g.states[l.In].codes
		table := g.constant(l.Name+".table", onnx.Uint8, []int64{int64(len(l.Table))}, l.Table)
		g.states[l.Out] = qdqState{name: l.Name, scale: g.floats(l.Name+".scale", []float32{to.Scale}), zeroPoint: g.code(l.Name+".zero_point", to.ZeroPoint),
			codes: g.lookup(l, codes, table, l.Name+".codes")}
		return nil
	}),
	"average_pool": row(func(g *qdqGraph, l *integer.AveragePool) error {
		mean := g.node(l.Name, "GlobalAveragePool", l.Name+".mean", []string{g.real(l.In)})
		lo, hi := g.net.Tensors[l.Out].Range()
		g.quantize(l.Name, mean, l.Out, lo, hi)
		return nil
	}),
	"average_window": row(func(g *qdqGraph, l *integer.AverageWindow) error {
		g.averageWindow(l)
		return nil
	}),
	"linear": row(func(g *qdqGraph, l *integer.Linear) error {
		w, err := weightsOf(g.net, l)
		if err != nil {
			return err
		}
		w.flatten()
		s := &g.states[l.In]
		flat := g.node(l.Name+".flatten", "Flatten", l.Name+".flat", []string{s.codes})
		x := g.node(l.Name+".dequantize", "DequantizeLinear", l.Name+".input", []string{flat, s.scale, s.zeroPoint})
		weight, bias := g.weights(l, w)
		g.node(l.Name, "Gemm", onnxLogits, []string{x, weight, bias}, attribute("transB", int64(1)))
		return nil
	}),
}

// activation quantizes the output x of a layer that may end with a ReLU. Where
// the zero point is the lowest code of uint8, a Relu node says so, and runtimes
// drop it; elsewhere, Clip does it, since Relu would keep them from integers.
func (g *qdqGraph) activation(name, x string, t int, lo, hi uint8) {
	if lo == 0 && g.net.Tensors[t].ZeroPoint == 0 {
		x = g.node(name+".relu", "Relu", name+".relu", []string{x})
	}
	g.quantize(name, x, t, lo, hi)
}

// quantize adds QuantizeLinear to the codes lo..hi of tensor t. Codes are
// uint8 with a zero point; Clip brings them to fewer than 8 bits.
func (g *qdqGraph) quantize(name, x string, t int, lo, hi uint8) {
	g.quantizeBy("", name, x, t, lo, hi)
}

// quantizeBy divides by another scale than the tensor's, if there is one.
func (g *qdqGraph) quantizeBy(scale, name, x string, t int, lo, hi uint8) {
	to := g.net.Tensors[t]
	s := qdqState{name: name, scale: g.floats(name+".scale", []float32{to.Scale}), zeroPoint: g.code(name+".zero_point", to.ZeroPoint)}
	if scale == "" {
		scale = s.scale
	}
	args := []string{x, scale, s.zeroPoint}
	if lo == 0 && hi == 255 && !g.merges(t) {
		s.codes = g.node(name+".quantize", "QuantizeLinear", name+".codes", args)
	} else {
		wide := g.node(name+".quantize", "QuantizeLinear", name+".unclipped", args)
		s.codes = g.node(name+".clip", "Clip", name+".codes", []string{wide, g.code(name+".lowest", lo), g.code(name+".highest", hi)})
	}
	g.states[t] = s
}

// merges reports whether tensor t of 8 bits is a requantized tensor that no
// other layer reads: onnxruntime makes one rounding of both, with a scale that
// is neither's, unless a Clip stands in between.
func (g *qdqGraph) merges(t int) bool {
	for _, l := range g.net.Layers {
		r, ok := l.(*integer.Requantize)
		if !ok || r.Out != t {
			continue
		}
		readers := 0
		for _, l := range g.net.Layers {
			if slices.Contains(l.Inputs(), r.In) {
				readers++
			}
		}
		return readers == 1
	}
	return false
}

// real returns the name of a tensor's real values.
func (g *qdqGraph) real(t int) string {
	s := &g.states[t]
	if s.real == "" {
		s.real = g.node(s.name+".dequantize", "DequantizeLinear", s.name+".real", []string{s.codes, s.scale, s.zeroPoint})
	}
	return s.real
}

// weights adds a layer's weights and bias and returns the names of their real
// values. Weights of 4 bits or fewer are stored as such and cast to 8 bits,
// because runtimes have integer kernels for no other type.
func (g *qdqGraph) weights(l integer.Layer, w *symmetric) (weight, bias string) {
	name := l.LayerName()
	_, highest := g.net.Tensors[l.Inputs()[0]].Range()
	s := StoredWeights{Layer: name, Type: KernelInt8, Pair: w.widestPair(highest)}
	if g.Weights == configs.ONNXUint8 || g.Weights != configs.ONNXInt8 && s.Pair > PairLimit {
		s.Type = KernelUint8
	}
	g.stored = append(g.stored, s)
	dims := make([]int64, len(w.Shape))
	for i, d := range w.Shape {
		dims[i] = int64(d)
	}
	bits, signed, unsigned, wide := 8, onnx.Int8, onnx.Uint8, ".weight.int8"
	switch {
	case w.Bits <= 2 && g.Opset >= 25:
		bits, signed, unsigned = 2, onnx.Int2, onnx.Uint2
	case w.Bits <= 4 && g.Opset >= 21:
		bits, signed, unsigned = 4, onnx.Int4, onnx.Uint4
	}
	kind, kernel, zero := signed, onnx.Int8, int16(0)
	if s.Type == KernelUint8 {
		kind, kernel, zero, wide = unsigned, onnx.Uint8, 1<<(bits-1), ".weight.uint8"
	}
	codes := make([]int8, len(w.Codes))
	for i, v := range w.Codes {
		codes[i] = int8(v + zero) // its bits, whatever the sign
	}
	weight = g.constant(name+".weight", kind, dims, pack(codes, bits))
	if kind != kernel {
		weight = g.node(name+".weight.cast", "Cast", name+wide, []string{weight}, attribute("to", int64(kernel)))
	}
	outputs := len(w.Scale)
	perChannel := func(what, codes string, scale []float32, kind onnx.DataType, zeroPoints []byte) string {
		args := []string{codes, g.floats(name+what+".scale", scale, int64(outputs)),
			g.constant(name+what+".zero_point", kind, []int64{int64(outputs)}, zeroPoints)}
		return g.node(name+what+".dequantize", "DequantizeLinear", name+what+".real", args, attribute("axis", int64(0)))
	}
	weight = perChannel(".weight", weight, w.Scale, kernel, bytes.Repeat([]byte{byte(zero)}, outputs))
	bias = perChannel(".bias", g.int32s(name+".bias", w.Bias), w.Sum, onnx.Int32, make([]byte, 4*outputs))
	return weight, bias
}
