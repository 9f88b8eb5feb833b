package export

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnx"
	"github.com/qat-go/qat/networks"
)

// Names of the graph's input and output, and of its free dimension.
const (
	onnxInput  = "input"
	onnxLogits = "logits"
	onnxBatch  = "batch"
)

// onnxGraph is a graph under construction, with batches of images (batch, C,
// H, W) in and logits (batch, classes) out.
type onnxGraph struct {
	onnx.Graph
	net   *integer.Network
	taken map[string]bool // names of nodes and values
}

func newONNXGraph(net *integer.Network, classes int) *onnxGraph {
	in := net.Tensors[0]
	g := &onnxGraph{net: net, taken: map[string]bool{onnxInput: true, onnxLogits: true}}
	g.Name = net.Name
	g.Inputs = []onnx.Value{{Name: onnxInput, Type: onnx.Float,
		Dims: []onnx.Dim{{Name: onnxBatch}, {Size: int64(in.C)}, {Size: int64(in.H)}, {Size: int64(in.W)}}}}
	g.Outputs = []onnx.Value{{Name: onnxLogits, Type: onnx.Float, Dims: []onnx.Dim{{Name: onnxBatch}, {Size: int64(classes)}}}}
	return g
}

// unique returns name, with a number if it is taken.
func (g *onnxGraph) unique(name string) string {
	free := name
	for i := 2; g.taken[free]; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	g.taken[free] = true
	return free
}

// node adds a node with one output and returns the output's name.
func (g *onnxGraph) node(name, op, output string, inputs []string, attributes ...onnx.Attribute) string {
	return g.custom("", name, op, output, inputs, attributes...)
}

// custom is node for an operator of another domain.
func (g *onnxGraph) custom(domain, name, op, output string, inputs []string, attributes ...onnx.Attribute) string {
	if output != onnxLogits {
		output = g.unique(output)
	}
	g.Nodes = append(g.Nodes, onnx.Node{Name: g.unique("node." + name), Op: op, Domain: domain, Inputs: inputs, Outputs: []string{output}, Attributes: attributes})
	return output
}

func attribute(name string, value any) onnx.Attribute {
	return onnx.Attribute{Name: name, Value: value}
}

func (g *onnxGraph) constant(name string, t onnx.DataType, dims []int64, data []byte) string {
	name = g.unique(name)
	g.Initializers = append(g.Initializers, onnx.Tensor{Name: name, Type: t, Dims: dims, Data: data})
	return name
}

// floats adds a constant of the given shape; none is a scalar.
func (g *onnxGraph) floats(name string, x []float32, dims ...int64) string {
	data := make([]byte, 0, 4*len(x))
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return g.constant(name, onnx.Float, dims, data)
}

func (g *onnxGraph) int32s(name string, x []int32) string {
	data := make([]byte, 0, 4*len(x))
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return g.constant(name, onnx.Int32, []int64{int64(len(x))}, data)
}

func (g *onnxGraph) int64s(name string, x ...int64) string {
	data := make([]byte, 0, 8*len(x))
	for _, v := range x {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return g.constant(name, onnx.Int64, []int64{int64(len(x))}, data)
}

func (g *onnxGraph) code(name string, v uint8) string {
	return g.constant(name, onnx.Uint8, nil, []byte{v})
}

// convolution adds a Conv of the geometry of l.
func (g *onnxGraph) convolution(l *integer.Conv, output string, inputs ...string) string {
	attributes := window(l.Window)
	if l.Groups > 1 {
		attributes = append(attributes, attribute("group", int64(l.Groups)))
	}
	return g.node(l.Name, "Conv", output, inputs, attributes...)
}

// window are the attributes of a window.
func window(w networks.Window) []onnx.Attribute {
	return []onnx.Attribute{
		attribute("kernel_shape", []int64{int64(w.Kernel.H), int64(w.Kernel.W)}),
		attribute("pads", []int64{int64(w.Pad.Top), int64(w.Pad.Left), int64(w.Pad.Bottom), int64(w.Pad.Right)}),
		attribute("strides", []int64{int64(w.Stride.H), int64(w.Stride.W)}),
	}
}

// shortcut adds every stride-th pixel of x and channels of the scalar zero.
func (g *onnxGraph) shortcut(l *integer.Shortcut, x, zero, output string) string {
	in, out := g.net.Tensors[l.In], g.net.Tensors[l.Out]
	if l.Stride > 1 {
		stride := int64(l.Stride)
		x = g.node(l.Name+".slice", "Slice", l.Name+".sliced", []string{x,
			g.int64s(l.Name+".starts", 0, 0), g.int64s(l.Name+".ends", math.MaxInt64, math.MaxInt64),
			g.int64s(l.Name+".axes", 2, 3), g.int64s(l.Name+".steps", stride, stride)})
	}
	before := int64(out.C-in.C) / 2
	pads := g.int64s(l.Name+".pads", 0, before, 0, 0, 0, int64(out.C-in.C)-before, 0, 0)
	return g.node(l.Name, "Pad", output, []string{x, pads, zero}, attribute("mode", "constant"))
}

// maxPool adds a MaxPool. What its last windows reach beyond the input is padding at its end, which all versions of the
// operator take alike; of ceil_mode they have different ideas.
func (g *onnxGraph) maxPool(l *integer.MaxPool, x, output string) string {
	return g.node(l.Name, "MaxPool", output, []string{x}, window(l.Covering(g.net))...)
}

// lookup adds a Gather of the entries of a table, given codes of any type.
func (g *onnxGraph) lookup(l *integer.Lookup, codes, table, output string) string {
	lo, _ := g.net.Tensors[l.In].Range()
	at := g.node(l.Name+".index", "Cast", l.Name+".index", []string{codes}, attribute("to", int64(onnx.Int32)))
	first := make([]byte, 0, 4*l.Tables(g.net)) // of the tables' entries
	for c := range l.Tables(g.net) {
		first = binary.LittleEndian.AppendUint32(first, uint32(c*l.Codes(g.net)-int(lo)))
	}
	at = g.node(l.Name+".entry", "Add", l.Name+".entry", []string{at, g.constant(l.Name+".first", onnx.Int32, []int64{1, int64(l.Tables(g.net)), 1, 1}, first)})
	return g.node(l.Name, "Gather", output, []string{table, at})
}

// metadata tells what the graph itself does not.
func onnxMetadata(net *integer.Network) ([]onnx.Property, error) {
	input := `float32 (batch, channel, height, width), red, green, blue: (pixel/255 - mean[channel])/std[channel]`
	switch {
	case net.Real:
		input = `float32 (batch, channel, height, width): (value - mean[channel])/std[channel]`
	case net.Tensors[0].C > 3:
		input = `float32 (batch, channel, height, width): (pixel/255 - mean[channel])/std[channel]`
	}
	all := []onnx.Property{
		{Key: "input", Value: input},
		{Key: "output", Value: "logits, float32 (batch, class)"},
	}
	for _, p := range []struct {
		key   string
		value any
	}{{"mean", net.Mean}, {"std", net.Std}, {"classes", net.Classes}} {
		if p.key == "classes" && len(net.Classes) == 0 {
			continue
		}
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(p.value); err != nil {
			return nil, err
		}
		all = append(all, onnx.Property{Key: p.key, Value: strings.TrimSpace(b.String())})
	}
	return all, nil
}
