package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Marshal returns the bytes of the file. The same model gives the same bytes.
// It panics if an attribute has a value of another type than Attribute allows.
func (m *Model) Marshal() []byte {
	var w writer
	w.int(modelIR, m.IRVersion)
	w.text(modelProducer, m.Producer)
	w.text(modelDoc, m.Doc)
	w.message(modelGraph, m.Graph.encode)
	for _, o := range m.Opsets {
		w.message(modelOpset, o.encode)
	}
	for _, p := range m.Metadata {
		w.message(modelMetadata, p.encode)
	}
	for i := range m.Functions {
		w.message(modelFunctions, m.Functions[i].encode)
	}
	return w
}

// writer appends fields; it is the message so far.
type writer []byte

// int writes a number, 0 included.
func (w *writer) int(field protowire.Number, v int64) {
	*w = protowire.AppendTag(*w, field, protowire.VarintType)
	*w = protowire.AppendVarint(*w, uint64(v))
}

// text writes a string that is not empty.
func (w *writer) text(field protowire.Number, s string) {
	if s != "" {
		w.bytes(field, []byte(s))
	}
}

func (w *writer) bytes(field protowire.Number, b []byte) {
	*w = protowire.AppendTag(*w, field, protowire.BytesType)
	*w = protowire.AppendBytes(*w, b)
}

// texts writes strings, empty ones included: their places count.
func (w *writer) texts(field protowire.Number, all []string) {
	for _, s := range all {
		w.bytes(field, []byte(s))
	}
}

func (w *writer) ints(field protowire.Number, all []int64) {
	for _, v := range all {
		w.int(field, v)
	}
}

func (w *writer) message(field protowire.Number, encode func(*writer)) {
	var inner writer
	encode(&inner)
	w.bytes(field, inner)
}

func (o Opset) encode(w *writer) {
	w.text(opsetDomain, o.Domain)
	w.int(opsetVersion, o.Version)
}

func (p Property) encode(w *writer) {
	w.text(propertyKey, p.Key)
	w.text(propertyValue, p.Value)
}

func (g *Graph) encode(w *writer) {
	for i := range g.Nodes {
		w.message(graphNode, g.Nodes[i].encode)
	}
	w.text(graphName, g.Name)
	for i := range g.Initializers {
		w.message(graphInitializer, g.Initializers[i].encode)
	}
	for i := range g.Inputs {
		w.message(graphInput, g.Inputs[i].encode)
	}
	for i := range g.Outputs {
		w.message(graphOutput, g.Outputs[i].encode)
	}
}

func (n *Node) encode(w *writer) {
	w.texts(nodeInput, n.Inputs)
	w.texts(nodeOutput, n.Outputs)
	w.text(nodeName, n.Name)
	w.text(nodeOp, n.Op)
	for i := range n.Attributes {
		w.message(nodeAttribute, n.Attributes[i].encode)
	}
	w.text(nodeDomain, n.Domain)
}

func (a *Attribute) encode(w *writer) {
	w.text(attributeName, a.Name)
	kind := int64(0)
	switch v := a.Value.(type) {
	case int64:
		kind = typeInt
		if a.Ref == "" {
			w.int(attributeI, v)
		}
	case string:
		kind = typeString
		if a.Ref == "" {
			w.bytes(attributeS, []byte(v))
		}
	case []int64:
		kind = typeInts
		if a.Ref == "" {
			w.ints(attributeInts, v)
		}
	default:
		panic(fmt.Sprintf("onnx: attribute %q is a %T", a.Name, v))
	}
	w.int(attributeType, kind)
	w.text(attributeRef, a.Ref)
}

func (t *Tensor) encode(w *writer) {
	w.ints(tensorDims, t.Dims)
	w.int(tensorType, int64(t.Type))
	w.text(tensorName, t.Name)
	w.bytes(tensorRaw, t.Data)
}

func (v *Value) encode(w *writer) {
	w.text(valueName, v.Name)
	w.message(valueType, func(w *writer) {
		w.message(typeTensor, func(w *writer) {
			w.int(typeElement, int64(v.Type))
			w.message(typeShape, func(w *writer) {
				for _, d := range v.Dims {
					w.message(shapeDim, d.encode)
				}
			})
		})
	})
}

func (d Dim) encode(w *writer) {
	if d.Name != "" {
		w.text(dimParam, d.Name)
		return
	}
	w.int(dimValue, d.Size)
}

func (f *Function) encode(w *writer) {
	w.text(functionName, f.Name)
	w.texts(functionInput, f.Inputs)
	w.texts(functionOutput, f.Outputs)
	w.texts(functionAttribute, f.Attributes)
	for i := range f.Nodes {
		w.message(functionNode, f.Nodes[i].encode)
	}
	w.text(functionDoc, f.Doc)
	for _, o := range f.Opsets {
		w.message(functionOpset, o.encode)
	}
	w.text(functionDomain, f.Domain)
}
