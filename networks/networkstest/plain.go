package networkstest

import "github.com/qat-go/qat/networks"

// Plain has linear layers wherever they can stand: behind flattened pixels, before batch norm, ReLU and ReLU6, with and
// without bias; convolutions with bias, with and without batch norm; and dropout. The input is square.
func Plain(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	norm := networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}
	conv := func(name string, out, stride int, from string) string {
		return n.Add(name, networks.Conv{Out: out, Window: networks.Square(3, stride, 1), Bias: true}, from)
	}
	x := n.Add("relu1", networks.ReLU6{}, n.Add("bn1", norm, conv("conv1", 8, 2, networks.Input)))
	x = n.Add("relu2", networks.ReLU{}, conv("conv2", 12, 2, x))
	x = n.Add("pool", networks.MaxPool{Window: networks.Square(2, 2, 0)}, x)
	x = n.Add("drop1", networks.Dropout{Rate: 0.25}, n.Add("flatten", networks.Flatten{}, x))
	x = n.Add("relu3", networks.ReLU6{}, n.Add("bn3", norm, n.Add("linear3", networks.Linear{Out: 32, NoBias: true}, x)))
	x = n.Add("drop2", networks.Dropout{Rate: 0.5}, n.Add("relu4", networks.ReLU{}, n.Add("linear4", networks.Linear{Out: 24}, x)))
	n.Add("linear5", networks.Linear{Out: classes, NoBias: true}, x)
	return n
}

// Perceptron has linear layers alone: the first reads the pixels of the images, flattened.
func Perceptron(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	x := n.Add("linear1", networks.Linear{Out: 48, NoBias: true}, n.Add("flatten", networks.Flatten{}, networks.Input))
	x = n.Add("relu1", networks.ReLU{}, n.Add("bn1", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x))
	x = n.Add("relu2", networks.ReLU{}, n.Add("linear2", networks.Linear{Out: 24}, x))
	n.Add("linear3", networks.Linear{Out: classes}, x)
	return n
}
