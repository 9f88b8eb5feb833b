package verify

import (
	"fmt"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/onnx"
)

// integerKernels are onnxruntime's operators on integers, by kind of layer: "" where it has none to look for, because
// codes go from one tensor to the next by DequantizeLinear and QuantizeLinear, or stay as they are.
var integerKernels = map[string]string{
	"conv": "QLinearConv", "requantize": "", "add": "QLinearAdd", "shortcut": "", "max_pool": "", "concat": "", "lookup": "", "average_pool": "QLinearGlobalAveragePool", "average_window": "ConvInteger", "linear": "QGemm",
}

// kernels finds what runs each layer in the graph that onnxruntime makes of a
// file.
func (v *verifier) kernels(r *Run, file []byte) error {
	data, err := v.runtime.Dump(file)
	if err != nil {
		return err
	}
	optimized, err := onnx.Unmarshal(data)
	if err != nil {
		return err
	}
	r.Nodes = map[string]int{}
	for _, n := range optimized.Graph.Nodes {
		r.Nodes[n.Op]++
	}
	source, err := onnx.Unmarshal(file)
	if err != nil {
		return err
	}
	for _, l := range v.net.Layers {
		want, ok := integerKernels[l.Kind()]
		if !ok {
			return fmt.Errorf("%s: no operator of onnxruntime is known for a layer of kind %q", l.LayerName(), l.Kind())
		}
		if want == "" {
			continue
		}
		k := Kernel{Layer: l.LayerName(), Operator: operator(optimized, l.LayerName())}
		if k.Integer = k.Operator == want; !k.Integer {
			k.Reason = reason(configs.Format(r.Format), source, l.LayerName())
		}
		if l.Kind() == "conv" {
			r.Convolutions++
			if k.Integer {
				r.OnIntegers++
			}
		}
		r.Kernels = append(r.Kernels, k)
	}
	return nil
}

// operator is the optimized graph's operator for a layer. onnxruntime keeps the
// names of the nodes it replaces, and appends to those it makes.
func operator(m *onnx.Model, layer string) string {
	for _, n := range m.Graph.Nodes {
		name, ours := strings.CutPrefix(n.Name, "node.")
		if ours && (name == layer || strings.HasPrefix(name, layer+"_token_") || strings.HasPrefix(name, layer+"_nhwc")) {
			return n.Op
		}
		// Fused with the activation after it, a node is called as its output.
		for _, suffix := range []string{".sum", ".relu", ".mean"} {
			if n.Name == layer+suffix+"_nchwc" || len(n.Outputs) == 1 && n.Outputs[0] == layer+suffix && n.Op != "Relu" && n.Op != "ReorderOutput" {
				return n.Op
			}
		}
	}
	return "none of its name"
}

// reason tells which of the rules of docs/export.md keeps a layer from integers.
func reason(format configs.Format, m *onnx.Model, layer string) string {
	if format == configs.QONNX {
		return "Quant nodes give real numbers"
	}
	g := newReader(&m.Graph)
	node := g.producers[layer+".sum"]
	switch codes := g.producers[layer+".codes"]; {
	case node == nil && codes != nil && codes.Op == "Gather":
		return "a table has its sums"
	case node == nil:
		return "no rule that is known here"
	case node.Op == "Sum":
		return "sums are of real numbers, unless export.onnx.sums is fused"
	case len(node.Inputs) > 1 && node.Op != "Add" && g.typeOf(node.Inputs[1]) != onnx.Int8 && g.typeOf(node.Inputs[1]) != onnx.Uint8:
		return "its weights are dequantized from another type than INT8 and UINT8"
	}
	next := g.readers[layer+".sum"]
	relu := next != nil && next.Op == "Relu"
	if relu {
		next = g.readers[next.Outputs[0]]
	}
	switch {
	case next == nil || next.Op != "QuantizeLinear":
		return "its output is not quantized"
	case relu && !g.lowest(next.Inputs[2]):
		return "Relu stands before a quantizer whose zero point is not its lowest code"
	case g.typeOf(next.Outputs[0]) == onnx.Int8 && g.readers[next.Outputs[0]] != nil && g.readers[next.Outputs[0]].Op == "Clip":
		return "Clip stands on signed codes"
	}
	return "no rule that is known here"
}

// reader finds nodes and constants by the names of values.
type reader struct {
	producers, readers map[string]*onnx.Node
	constants          map[string]onnx.Tensor
}

func newReader(g *onnx.Graph) *reader {
	r := &reader{map[string]*onnx.Node{}, map[string]*onnx.Node{}, map[string]onnx.Tensor{}}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, name := range n.Outputs {
			r.producers[name] = n
		}
		for _, name := range n.Inputs {
			r.readers[name] = n
		}
	}
	for _, t := range g.Initializers {
		r.constants[t.Name] = t
	}
	return r
}

// typeOf is the type of the integers of a value that is quantized or about to
// be dequantized: that of its zero point.
func (r *reader) typeOf(value string) onnx.DataType {
	n := r.producers[value]
	if n == nil || len(n.Inputs) < 3 {
		return 0
	}
	return r.constants[n.Inputs[2]].Type
}

// lowest tells that a zero point is the lowest value of its type.
func (r *reader) lowest(zeroPoint string) bool {
	t := r.constants[zeroPoint]
	switch {
	case len(t.Data) != 1:
		return false
	case t.Type == onnx.Int8:
		return t.Data[0] == 0x80
	}
	return t.Data[0] == 0
}
