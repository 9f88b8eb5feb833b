package onnx_test

import (
	"fmt"

	"github.com/qat-go/qat/internal/onnx"
)

func ExampleUnmarshal() {
	m := onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 13}}, Graph: onnx.Graph{
		Name: "one", Nodes: []onnx.Node{{Op: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}}}}
	read, err := onnx.Unmarshal(m.Marshal())
	if err != nil {
		fmt.Println(err)
		return
	}
	n := read.Graph.Nodes[0]
	fmt.Println(read.Graph.Name, n.Op, n.Inputs, n.Outputs)
	// Output:
	// one Relu [x] [y]
}
