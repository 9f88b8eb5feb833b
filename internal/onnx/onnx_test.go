package onnx

import (
	"reflect"
	"testing"
)

// sample has every message and every kind of attribute.
func sample() *Model {
	return &Model{
		IRVersion: 10, Producer: "qat", Doc: "a model",
		Opsets:   []Opset{{Version: 21}, {Domain: "d", Version: 1}},
		Metadata: []Property{{"mean", "[0.5]"}, {"empty", ""}},
		Graph: Graph{
			Name: "g",
			Nodes: []Node{
				{Name: "n", Op: "Clip", Domain: "d", Inputs: []string{"x", "", "hi"}, Outputs: []string{"y"},
					Attributes: []Attribute{{Name: "i", Value: int64(-1)}, {Name: "s", Value: "text"}, {Name: "l", Value: []int64{0, -7, 1 << 62}}}},
			},
			Initializers: []Tensor{{Name: "hi", Type: Uint8, Data: []byte{15}}, {Name: "w", Type: Int4, Dims: []int64{3, 1}, Data: []byte{0x81, 7}}},
			Inputs:       []Value{{Name: "x", Type: Float, Dims: []Dim{{Name: "batch"}, {Size: 3}}}},
			Outputs:      []Value{{Name: "y", Type: Uint8, Dims: []Dim{{Size: 1}}}},
		},
		Functions: []Function{{Name: "Quant", Domain: "d", Doc: "doc", Inputs: []string{"X"}, Outputs: []string{"Y"}, Attributes: []string{"signed"},
			Nodes:  []Node{{Name: "c", Op: "Constant", Outputs: []string{"Y"}, Attributes: []Attribute{{Name: "value_int", Value: int64(0), Ref: "signed"}}}},
			Opsets: []Opset{{Version: 13}}}},
	}
}

func TestRoundTrip(t *testing.T) {
	want := sample()
	got, err := Unmarshal(want.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The bytes of a small model, written down by hand from onnx.proto.
func TestBytes(t *testing.T) {
	m := &Model{IRVersion: 10, Opsets: []Opset{{Version: 21}}, Graph: Graph{Name: "g",
		Initializers: []Tensor{{Name: "z", Type: Int8, Dims: []int64{2}, Data: []byte{1, 2}}}}}
	want := "\x08\x0a" + // ir_version = 1: varint
		"\x3a\x10" + // graph = 7
		"\x12\x01g" + // name = 2
		"\x2a\x0b" + // initializer = 5
		"\x08\x02" + // dims = 1
		"\x10\x03" + // data_type = 2: INT8
		"\x42\x01z" + // name = 8
		"\x4a\x02\x01\x02" + // raw_data = 9
		"\x42\x02\x10\x15" // opset_import = 8 {version = 2}
	if got := string(m.Marshal()); got != want {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

// Packed lists of numbers, unknown fields and other wire types are read, or
// passed over.
func TestUnmarshalOthers(t *testing.T) {
	m, err := Unmarshal([]byte("\x3a\x09" + "\x2a\x07" + "\x0a\x03\x02\x80\x01" + "\x10\x01" + // packed dims
		"\xa5\x06\x00\x00\x00\x00" + // fixed32 of field 100
		"\x3a\x09\x0a\x07\x2a\x05" + "\x15\x00\x00\x00\x3f")) // an attribute with a float
	if err != nil {
		t.Fatal(err)
	}
	if d := m.Graph.Initializers[0].Dims; !reflect.DeepEqual(d, []int64{2, 128}) {
		t.Errorf("dims %v, want [2 128]", d)
	}
	if a := m.Graph.Nodes[0].Attributes; len(a) != 1 || a[0].Value != nil {
		t.Errorf("attributes %+v", a)
	}
}

func TestUnmarshalRejects(t *testing.T) {
	data := string(sample().Marshal())
	for name, bad := range map[string]string{
		"cut":       data[:len(data)-1],
		"wire type": "\x0a\x01x", // ir_version as bytes
		"text":      "\x10\x01",  // producer_name as a number
		"packed":    "\x3a\x05\x2a\x03\x0a\x01\x80",
		"no field":  "\x00",
	} {
		if _, err := Unmarshal([]byte(bad)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(sample().Marshal())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Unmarshal(data)
		if err != nil {
			return
		}
		for _, n := range append(m.Graph.Nodes, Node{}) {
			for _, a := range n.Attributes {
				if a.Value == nil {
					return // a type that is not written
				}
			}
		}
		for _, fn := range m.Functions {
			for _, n := range fn.Nodes {
				for _, a := range n.Attributes {
					if a.Value == nil {
						return
					}
				}
			}
		}
		again, err := Unmarshal(m.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if string(again.Marshal()) != string(m.Marshal()) {
			t.Error("what was written reads as another model")
		}
	})
}
