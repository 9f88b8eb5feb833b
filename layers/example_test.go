package layers_test

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// A network that is built in Go is trained on a batch by plain descent, and brought into integers. (Package train does that
// for networks that configs name, faster, with an optimizer and checkpoints.)
func Example() {
	net := &networks.Network{Input: networks.Shape{H: 32, W: 32, C: 3}}
	net.Add("conv1", networks.Conv{Out: 8, Window: networks.Square(3, 2, 1)}, networks.Input)
	net.Add("bn1", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, "conv1")
	net.Add("relu1", networks.ReLU{}, "bn1")
	net.Add("pool", networks.GlobalAveragePool{}, "relu1")
	net.Add("fc", networks.Linear{Out: 10}, "pool")

	const images = 16
	data, err := datasets.Open("cifar10-mini", datasets.Options{})
	check(err)
	loader, err := datasets.NewLoader(data, data.Train, datasets.LoaderOptions{Batch: images, Shuffle: true})
	check(err)
	it := loader.Epoch(0, 0)
	defer it.Close()
	b, _ := it.Next()
	x := tensor.New(tensor.WithShape(images, 32, 32, 3), tensor.WithBacking(b.X))
	y := tensor.New(tensor.WithShape(images), tensor.WithBacking(b.Y))

	cfg, err := configs.Load("resnet20_w4a4", nil) // for its section quant
	check(err)
	lo, hi := data.InputRange()
	quantized, err := layers.New(net, &cfg.Quant, layers.Input{Mean: data.Mean, Std: data.Std, Lo: lo, Hi: hi, Classes: data.Classes}, 1)
	check(err)
	pool := threads.New(1)
	defer pool.Close()
	check(quantized.Calibrate(pool, nil, x))

	c := layers.NewContext(pool, true)
	logits, err := quantized.Build(c, x)
	check(err)
	loss := layers.CrossEntropy(c, logits, layers.Targets{Labels: c.Input("labels", y)})
	arrays := quantized.Store.Learnable()
	var nodes G.Nodes
	for _, a := range arrays {
		nodes = append(nodes, c.Node(a))
	}
	grads, err := c.Grad(loss, nodes...)
	check(err)
	vm := G.NewTapeMachine(loss.Graph())
	defer vm.Close()
	var first, last float32
	for step := range 20 {
		check(vm.RunAll())
		c.Commit() // running statistics
		if last = loss.Value().Data().(float32); step == 0 {
			first = last
		}
		for i, a := range arrays {
			for j, g := range grads[i].Value().Data().([]float32) {
				if a.Data()[j] -= 0.05 * g; a.Floor > 0 { // of scales
					a.Data()[j] = max(a.Data()[j], a.Floor)
				}
			}
		}
		vm.Reset()
	}
	integers, err := quantized.Lower("mine")
	check(err)
	fmt.Println("the loss falls:", last < first, "- in integers:", len(integers.Layers), "layers")
	// Output:
	// the loss falls: true - in integers: 3 layers
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
