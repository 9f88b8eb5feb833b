package export

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/onnx"
)

// checker looks at a model through its file.
type checker struct {
	t         *testing.T
	name      string
	m         *onnx.Model
	constants map[string]onnx.Tensor
	producers map[string]onnx.Node
}

// newChecker checks names, order and sizes, which all models share.
func newChecker(t *testing.T, name string, model *ONNXModel) *checker {
	t.Helper()
	m, err := onnx.Unmarshal(model.model.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{t: t, name: name, m: m, constants: map[string]onnx.Tensor{}, producers: map[string]onnx.Node{}}
	known, names := map[string]bool{}, map[string]bool{}
	define := func(value string) {
		if value == "" || known[value] {
			t.Errorf("%s: the value %q is defined twice, or has no name", name, value)
		}
		known[value] = true
	}
	if len(m.Graph.Inputs) != 1 || len(m.Graph.Outputs) != 1 {
		t.Fatalf("%s: %d inputs and %d outputs", name, len(m.Graph.Inputs), len(m.Graph.Outputs))
	}
	in, out := m.Graph.Inputs[0], m.Graph.Outputs[0]
	if in.Type != onnx.Float || len(in.Dims) != 4 || in.Dims[0].Name == "" || in.Dims[0] != out.Dims[0] || out.Type != onnx.Float || len(out.Dims) != 2 {
		t.Errorf("%s: input %+v and output %+v", name, in, out)
	}
	define(in.Name)
	for _, k := range m.Graph.Initializers {
		define(k.Name)
		c.constants[k.Name] = k
		n := 1
		for _, d := range k.Dims {
			n *= int(d)
		}
		bits := map[onnx.DataType]int{onnx.Float: 32, onnx.Uint8: 8, onnx.Int8: 8, onnx.Int32: 32, onnx.Int64: 64, onnx.Int4: 4, onnx.Int2: 2, onnx.Uint4: 4, onnx.Uint2: 2}[k.Type]
		if bits == 0 || len(k.Data) != (n*bits+7)/8 {
			t.Errorf("%s: constant %s of type %d and shape %v has %d bytes", name, k.Name, k.Type, k.Dims, len(k.Data))
		}
	}
	for _, n := range m.Graph.Nodes {
		if n.Name == "" || names[n.Name] {
			t.Errorf("%s: the node name %q is used twice, or empty", name, n.Name)
		}
		names[n.Name] = true
		for _, x := range n.Inputs {
			if !known[x] {
				t.Errorf("%s: %s reads %q, which comes after it or nowhere", name, n.Name, x)
			}
		}
		for _, y := range n.Outputs {
			define(y)
			c.producers[y] = n
		}
	}
	if !known[out.Name] {
		t.Errorf("%s: nothing gives %s", name, out.Name)
	}
	keys := []string{}
	for _, p := range m.Metadata {
		keys = append(keys, p.Key)
	}
	if got := strings.Join(keys, " "); !strings.HasPrefix(got, "input output mean std") {
		t.Errorf("%s: metadata %s", name, got)
	}
	return c
}

func (c *checker) floats(name string) []float32 {
	k, ok := c.constants[name]
	if !ok || k.Type != onnx.Float {
		c.t.Fatalf("%s: %q is no constant of floats", c.name, name)
	}
	x := make([]float32, len(k.Data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(k.Data[4*i:]))
	}
	return x
}

func (c *checker) bits(k onnx.Tensor) int {
	return map[onnx.DataType]int{onnx.Int8: 8, onnx.Int4: 4, onnx.Int2: 2, onnx.Uint8: 8, onnx.Uint4: 4, onnx.Uint2: 2}[k.Type]
}

func (c *checker) unsigned(k onnx.Tensor) bool {
	return k.Type == onnx.Uint8 || k.Type == onnx.Uint4 || k.Type == onnx.Uint2
}

// middle is the zero point that stored weights or a bias must have.
func (c *checker) middle(value string) byte {
	if cast := c.producers[value]; cast.Op == "Cast" {
		value = cast.Inputs[0]
	}
	if k := c.constants[value]; c.unsigned(k) {
		return 1 << (c.bits(k) - 1)
	}
	return 0
}

func (c *checker) attribute(n onnx.Node, name string) any {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

// qdq checks quantizers, weights and biases.
func (c *checker) qdq(opset int, seen map[string]int) {
	t := c.t
	for _, n := range c.m.Graph.Nodes {
		seen[n.Op]++
		switch n.Op {
		case "QuantizeLinear", "DequantizeLinear":
			if len(n.Inputs) != 3 {
				t.Fatalf("%s: %s has %d inputs, want a scale and a zero point", c.name, n.Name, len(n.Inputs))
			}
			scale, zero := c.constants[n.Inputs[1]], c.constants[n.Inputs[2]]
			if scale.Type != onnx.Float || !slices.Equal(scale.Dims, zero.Dims) {
				t.Errorf("%s: %s: scale %v %v, zero point %v %v", c.name, n.Name, scale.Type, scale.Dims, zero.Type, zero.Dims)
			}
			perChannel := len(zero.Dims) > 0
			if axis := c.attribute(n, "axis"); perChannel != (len(scale.Dims) == 1) || perChannel && axis != int64(0) || !perChannel && (axis != nil || len(scale.Dims) != 0) {
				t.Errorf("%s: %s: axis %v for a scale of shape %v", c.name, n.Name, axis, scale.Dims)
			}
			if want := c.middle(n.Inputs[0]); perChannel && (slices.Min(zero.Data) != want || slices.Max(zero.Data) != want) {
				t.Errorf("%s: %s: zero points %v, want %d", c.name, n.Name, zero.Data, want)
			}
			for _, s := range c.floats(n.Inputs[1]) {
				if !(s != 0 && math.Abs(float64(s)) <= math.MaxFloat32) || !perChannel && s < 0 {
					t.Errorf("%s: %s: scale %v", c.name, n.Name, s)
				}
			}
		case "Clip":
			for _, bound := range n.Inputs[1:] {
				if b := c.constants[bound]; b.Type != onnx.Uint8 || len(b.Dims) != 0 {
					t.Errorf("%s: %s: a bound of type %v and shape %v", c.name, n.Name, b.Type, b.Dims)
				}
			}
			if c.producers[n.Inputs[0]].Op != "QuantizeLinear" {
				t.Errorf("%s: %s follows %s", c.name, n.Name, c.producers[n.Inputs[0]].Op)
			}
		case "Conv", "Gemm":
			c.weighted(n, opset, seen)
		}
	}
}

// weighted checks a layer with weights.
func (c *checker) weighted(n onnx.Node, opset int, seen map[string]int) {
	t := c.t
	x, w, b := c.producers[n.Inputs[0]], c.producers[n.Inputs[1]], c.producers[n.Inputs[2]]
	for _, d := range []onnx.Node{x, w, b} {
		if d.Op != "DequantizeLinear" {
			t.Fatalf("%s: %s reads %s %s", c.name, n.Name, d.Op, d.Name)
		}
	}
	stored, ok := c.constants[w.Inputs[0]]
	zero := c.constants[w.Inputs[2]].Type
	switch {
	case ok && stored.Type == zero:
		seen[map[onnx.DataType]string{onnx.Int8: "INT8", onnx.Uint8: "UINT8"}[stored.Type]]++
	case c.producers[w.Inputs[0]].Op == "Cast" && c.attribute(c.producers[w.Inputs[0]], "to") == int64(zero):
		stored = c.constants[c.producers[w.Inputs[0]].Inputs[0]]
		seen[map[onnx.DataType]string{onnx.Int4: "INT4", onnx.Int2: "INT2", onnx.Uint4: "UINT4", onnx.Uint2: "UINT2"}[stored.Type]]++
		if c.bits(stored) == 4 && opset < 21 || c.bits(stored) == 2 && opset < 25 || c.unsigned(stored) != (zero == onnx.Uint8) {
			t.Errorf("%s: %s: type %v", c.name, n.Name, stored.Type)
		}
	default:
		t.Errorf("%s: the weights of %s are dequantized from neither 8 bits nor a Cast to them", c.name, n.Name)
	}
	bias := c.constants[b.Inputs[0]]
	if zero != onnx.Int8 && zero != onnx.Uint8 || bias.Type != onnx.Int32 || c.constants[b.Inputs[2]].Type != onnx.Int32 {
		t.Errorf("%s: %s: wrong types", c.name, n.Name)
	}
	sx, sw, sb := c.floats(x.Inputs[1])[0], c.floats(w.Inputs[1]), c.floats(b.Inputs[1])
	if len(sw) != int(stored.Dims[0]) || len(bias.Dims) != 1 || bias.Dims[0] != stored.Dims[0] || len(sb) != len(sw) {
		t.Fatalf("%s: %s: %d weight scales, %d bias scales for weights of shape %v", c.name, n.Name, len(sw), len(sb), stored.Dims)
	}
	for o := range sw {
		if sx*sw[o] != sb[o] {
			t.Errorf("%s: %s: channel %d: %v*%v is not the bias scale %v", c.name, n.Name, o, sx, sw[o], sb[o])
		}
	}
	if n.Op == "Gemm" && (c.attribute(n, "transB") != int64(1) || len(stored.Dims) != 2) || n.Op == "Conv" && len(stored.Dims) != 4 {
		t.Errorf("%s: %s: weights of shape %v", c.name, n.Name, stored.Dims)
	}
}

// network checks that weights and biases in the file, times their scale, are
// those of the network, bit for bit.
func (c *checker) network(net *integer.Network, seen map[string]int) {
	for _, l := range net.Layers {
		var weights []int8
		var bias []int32
		var scale []float32
		switch l := l.(type) {
		case *integer.Conv:
			weights, bias, scale = l.Weights, l.Bias, l.Scale
		case *integer.Linear:
			weights, bias, scale = l.Weights, l.Bias, l.Scale
		default:
			continue
		}
		k := c.constants[l.LayerName()+".weight"]
		n, pixels, inputs := 1, 1, int(k.Dims[1])
		for i, d := range k.Dims {
			n *= int(d)
			if i > 1 {
				pixels *= int(d)
			}
		}
		if len(k.Dims) == 2 {
			inputs = net.Tensors[l.Inputs()[0]].C
			pixels = int(k.Dims[1]) / inputs
		}
		got, err := unpack[int8](k.Data, n, c.bits(k))
		if err != nil {
			c.t.Fatal(err)
		}
		if c.unsigned(k) { // the middle is 0
			for i := range got {
				got[i] = int8(int(got[i])&(1<<c.bits(k)-1) - 1<<(c.bits(k)-1))
			}
		}
		want := transpose(weights, pixels, inputs, len(bias))
		sums, b := c.floats(l.LayerName()+".bias.scale"), c.constants[l.LayerName()+".bias"]
		for o := range bias {
			sign, row := 1, want[o*inputs*pixels:][:inputs*pixels]
			switch {
			case scale[o] < 0 && slices.Min(row) > math.MinInt8:
				sign = -1
				seen["flipped"]++
			case scale[o] < 0: // 128 has no code
				seen["negative"]++
			}
			if sums[o] != float32(sign)*scale[o] || int32(binary.LittleEndian.Uint32(b.Data[4*o:])) != int32(sign)*bias[o] {
				c.t.Errorf("%s: %s: channel %d: bias or scale is not the network's", c.name, l.LayerName(), o)
			}
			for i := range inputs * pixels {
				if at := o*inputs*pixels + i; int(got[at]) != sign*int(row[i]) {
					c.t.Fatalf("%s: %s: weight %d is %d, want %d times %d", c.name, l.LayerName(), at, got[at], sign, row[i])
				}
			}
		}
	}
}

// qonnx checks Quant and BipolarQuant nodes and that functions define them.
func (c *checker) qonnx(seen map[string]int) {
	t := c.t
	defined := map[string]int{}
	for _, f := range c.m.Functions {
		if f.Domain != qonnxDomain {
			t.Errorf("%s: function %s of domain %q", c.name, f.Name, f.Domain)
		}
		defined[f.Name] = len(f.Inputs)
	}
	for _, n := range c.m.Graph.Nodes {
		if n.Domain == "" {
			continue
		}
		seen[n.Op]++
		if n.Domain != qonnxDomain || defined[n.Op] != len(n.Inputs) {
			t.Fatalf("%s: %s is %s of %q with %d inputs", c.name, n.Name, n.Op, n.Domain, len(n.Inputs))
		}
		x, scale := c.constants[n.Inputs[0]], c.constants[n.Inputs[1]]
		if len(scale.Dims) > 0 && (len(scale.Dims) != len(x.Dims) || scale.Dims[0] != x.Dims[0]) {
			t.Errorf("%s: %s: scale of shape %v for %v", c.name, n.Name, scale.Dims, x.Dims)
		}
		if n.Op != "Quant" {
			continue
		}
		var names []string
		for _, a := range n.Attributes {
			names = append(names, a.Name)
		}
		if !slices.Equal(names, []string{"narrow", "rounding_mode", "signed"}) || c.attribute(n, "rounding_mode") != "ROUND" {
			t.Errorf("%s: %s: attributes %+v", c.name, n.Name, n.Attributes)
		}
		if z, bits := c.constants[n.Inputs[2]], c.constants[n.Inputs[3]]; len(z.Dims) != 0 || len(bits.Dims) != 0 {
			t.Errorf("%s: %s: zero point and bits are no scalars", c.name, n.Name)
		}
		if x.Data == nil {
			continue
		}
		// Weights and biases are on the grid: quantizing them changes nothing. An
		// int32 beyond 24 bits is not a float32.
		each := len(c.floats(n.Inputs[0])) / max(len(c.floats(n.Inputs[1])), 1)
		q := quantizer{bits: int(c.floats(n.Inputs[3])[0]), signed: c.attribute(n, "signed") == int64(1), narrow: c.attribute(n, "narrow") == int64(1)}
		for i, v := range c.floats(n.Inputs[0]) {
			if s := c.floats(n.Inputs[1])[i/each]; quantOf(q, s, v) != v && math.Abs(float64(v/s)) < 1<<24 {
				t.Errorf("%s: %s: Quant(%v) is %v", c.name, n.Name, v, quantOf(q, s, v))
				break
			}
		}
	}
}
