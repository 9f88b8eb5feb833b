package export

import "github.com/qat-go/qat/internal/onnx"

const qonnxDomain = "qonnx.custom_op.general"

// qonnxFunctions define the nodes of QONNX with ONNX's own operators, in the
// order of operations of QONNX's Python code.
func qonnxFunctions() []onnx.Function {
	opsets := []onnx.Opset{{Version: qonnxOpset}}
	quant := &body{}
	quant.constant("signed", onnx.Attribute{Name: "value_int", Value: int64(0), Ref: "signed"})
	quant.constant("narrow", onnx.Attribute{Name: "value_int", Value: int64(0), Ref: "narrow"})
	quant.constant("one", attribute("value_int", int64(1)))
	quant.constant("two", attribute("value_int", int64(2)))
	for _, line := range [][]string{
		// 2^(bits-1) signed or 2^bits unsigned: one above the highest code.
		{"value_bits", "Sub", "bitwidth", "signed"},
		{"levels", "Pow", "two", "value_bits"},
		{"top", "Sub", "levels", "one"},
		{"unsigned", "Sub", "one", "signed"},
		{"cut", "Mul", "narrow", "unsigned"},
		{"highest", "Sub", "top", "cut"},
		{"bottom", "Sub", "narrow", "levels"},
		{"lowest", "Mul", "signed", "bottom"},
		{"scaled", "Div", "X", "scale"},
		{"shifted", "Add", "scaled", "zeropt"},
		{"bounded", "Min", "shifted", "highest"},
		{"clamped", "Max", "bounded", "lowest"},
		{"code", "Round", "clamped"},
		{"centered", "Sub", "code", "zeropt"},
		{"Y", "Mul", "centered", "scale"},
	} {
		quant.add(line[0], line[1], line[2:]...)
	}
	bipolar := &body{}
	bipolar.constant("zero", attribute("value_int", int64(0)))
	bipolar.add("positive", "GreaterOrEqual", "X", "zero")
	bipolar.add("negated", "Neg", "scale")
	bipolar.add("Y", "Where", "positive", "scale", "negated")
	return []onnx.Function{
		{Name: "Quant", Domain: qonnxDomain, Opsets: opsets, Nodes: quant.nodes,
			Doc:    "Y = (round_half_even(clamp(X/scale + zeropt)) - zeropt)*scale, with the codes of bitwidth bits; rounding_mode ROUND",
			Inputs: []string{"X", "scale", "zeropt", "bitwidth"}, Outputs: []string{"Y"}, Attributes: []string{"signed", "narrow", "rounding_mode"}},
		{Name: "BipolarQuant", Domain: qonnxDomain, Opsets: opsets, Nodes: bipolar.nodes, Doc: "Y = X >= 0 ? scale : -scale",
			Inputs: []string{"X", "scale"}, Outputs: []string{"Y"}},
	}
}

// body are the nodes of a function, each called as its output.
type body struct{ nodes []onnx.Node }

func (b *body) add(output, op string, inputs ...string) {
	b.nodes = append(b.nodes, onnx.Node{Name: output, Op: op, Inputs: inputs, Outputs: []string{output}})
}

// constant adds a float32 scalar, written as an integer.
func (b *body) constant(name string, value onnx.Attribute) {
	b.nodes = append(b.nodes,
		onnx.Node{Name: name + "_int", Op: "Constant", Outputs: []string{name + "_int"}, Attributes: []onnx.Attribute{value}},
		onnx.Node{Name: name, Op: "Cast", Inputs: []string{name + "_int"}, Outputs: []string{name},
			Attributes: []onnx.Attribute{attribute("to", int64(onnx.Float))}})
}
