// Package onnx encodes and decodes the part of the ONNX file format that
// quantized networks need: the messages of onnx.proto
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), with its field
// numbers.
package onnx

// DataType is the type of a tensor's elements.
type DataType int32

const (
	Float DataType = 1
	Uint8 DataType = 2
	Int8  DataType = 3
	Int32 DataType = 6
	Int64 DataType = 7
	Uint4 DataType = 21 // two in a byte, the first in the low half; IR 10
	Int4  DataType = 22
	Uint2 DataType = 25 // four in a byte, the first in the lowest bits; IR 13
	Int2  DataType = 26
)

// Model is a ModelProto: a graph, and what it takes to read it.
type Model struct {
	IRVersion int64
	Producer  string
	Doc       string
	Opsets    []Opset
	Metadata  []Property
	Graph     Graph
	Functions []Function
}

// Opset is the version of a domain's operators; the domain "" is ONNX's own.
type Opset struct {
	Domain  string
	Version int64
}

// Property is an entry of the metadata.
type Property struct{ Key, Value string }

// Graph is a GraphProto. Nodes are sorted: each comes after those that it reads.
type Graph struct {
	Name            string
	Nodes           []Node
	Initializers    []Tensor
	Inputs, Outputs []Value
}

// Node is a NodeProto. An input that is left out has the name "".
type Node struct {
	Name, Op, Domain string
	Inputs, Outputs  []string
	Attributes       []Attribute
}

// Attribute is an AttributeProto with one of its values, an int64, a string or
// []int64. In the body of a function, Ref names the function's attribute that
// gives the value, and Value only its type.
type Attribute struct {
	Name  string
	Value any
	Ref   string
}

// Tensor is a TensorProto with its elements in little-endian bytes.
type Tensor struct {
	Name string
	Type DataType
	Dims []int64 // empty: a scalar
	Data []byte
}

// Value is a ValueInfoProto: an input or output of the graph.
type Value struct {
	Name string
	Type DataType
	Dims []Dim
}

// Dim is a size, or the name of a size that is free.
type Dim struct {
	Size int64
	Name string
}

// Function is a FunctionProto: an operator that its nodes define.
type Function struct {
	Name, Domain, Doc string
	Inputs, Outputs   []string
	Attributes        []string
	Nodes             []Node
	Opsets            []Opset
}
