package read_test

import (
	"fmt"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/read"
)

// A network in YAML becomes one for images of 28x28 and 10 classes.
func Example() {
	source, err := read.Parse("net.yaml", []byte(`
nodes:
  - conv: {out: 16, kernel: 3, stride: 2, pad: same}
  - relu
  - global_average_pool
  - linear: {out: classes}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	net, err := source.Build(networks.Shape{H: 28, W: 28, C: 1}, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	shapes, _ := net.Shapes()
	for _, node := range net.Nodes {
		fmt.Println(node.Name, shapes[node.Name])
	}

	_, err = read.Parse("net.yaml", []byte("nodes: [relu, {linear: {outs: 10}}]"))
	fmt.Println(err)
	// Output:
	// conv1 14x14x16
	// relu1 14x14x16
	// global_average_pool1 1x1x16
	// linear1 1x1x10
	// net.yaml:1:25: unexpected key "outs" in linear (did you mean "out"?); allowed: out, bias, start
}
