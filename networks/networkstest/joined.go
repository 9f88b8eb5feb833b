package networkstest

import "github.com/qat-go/qat/networks"

// Joined has concatenations of two and three, behind pooling and read by several, of new tensors and of a stream; tensors
// that several layers read; a sum of two convolutions; and average pooling of a sum at its end. The input is square.
func Joined(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	conv := func(name string, out, kernel, stride int, from string) string {
		c := networks.Conv{Out: out, Window: networks.Square(kernel, stride, kernel/2), Bias: true}
		x := n.Add(name, c, from)
		if kernel == 1 {
			x = n.Add(name+".bn", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x)
		}
		return n.Add(name+".relu", networks.ReLU{}, x)
	}
	x := conv("conv1", 16, 3, 2, networks.Input)
	s := conv("a.squeeze", 8, 1, 1, x)
	x = n.Add("a.concat", networks.Concat{}, conv("a.expand1", 12, 1, 1, s), conv("a.expand3", 10, 3, 1, s))
	s = conv("b.squeeze", 8, 1, 1, n.Add("pool", networks.MaxPool{Window: networks.Square(3, 2, 1)}, x))
	x = n.Add("b.concat", networks.Concat{}, conv("b.expand1", 9, 1, 1, s), s, conv("b.expand3", 7, 3, 1, s))
	sum := func(name string, kernel int) string {
		c := n.Add(name, networks.Conv{Out: 16, Window: networks.Square(kernel, 1, kernel/2)}, x)
		return n.Add(name+".bn", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, c)
	}
	x = n.Add("c.relu", networks.ReLU{}, n.Add("c.add", networks.Add{}, sum("c.conv3", 3), sum("c.conv1", 1)))
	x = conv("d", 20, 3, 2, x)
	n.Add("linear", networks.Linear{Out: classes}, n.Add("average_pool", networks.GlobalAveragePool{}, x))
	return n
}

// Averaged has average pooling in windows, of a convolution and of what is averaged already, with padding that counts, and at
// its end in place of a linear layer.
func Averaged(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	conv := func(name string, out, stride int, from string) string {
		x := n.Add(name, networks.Conv{Out: out, Window: networks.Square(3, stride, 1)}, from)
		return n.Add(name+".relu", networks.ReLU{}, n.Add(name+".bn", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x))
	}
	x := n.Add("pool1", networks.AveragePool{Window: networks.Square(2, 2, 0)}, conv("conv1", 12, 1, networks.Input))
	x = n.Add("pool2", networks.AveragePool{Window: networks.Square(3, 2, 1), CountPad: true}, conv("conv2", 16, 1, x))
	x = conv("conv3", classes, 2, n.Add("pool3", networks.AveragePool{Window: networks.Square(2, 1, 0)}, x))
	n.Add("average_pool", networks.GlobalAveragePool{}, x)
	return n
}

// Uneven has average pooling whose windows do not all count as many pixels: padding is left out, or the last windows reach
// beyond the image, or beyond padding that counts, of values of both signs there.
func Uneven(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	conv := func(name string, out int, from string) string {
		x := n.Add(name, networks.Conv{Out: out, Window: networks.Square(3, 1, 1)}, from)
		return n.Add(name+".bn", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x)
	}
	x := n.Add("pool1", networks.AveragePool{Window: networks.Square(2, 2, 1)}, n.Add("conv1.relu", networks.ReLU{}, conv("conv1", 12, networks.Input)))
	x = n.Add("pool2", networks.AveragePool{Window: networks.Square(2, 2, 0), Ceil: true}, n.Add("conv2.relu", networks.ReLU{}, conv("conv2", 16, x)))
	oblong := networks.Window{Kernel: networks.Size{H: 2, W: 3}, Stride: networks.Size{H: 2, W: 2}, Pad: networks.Pad{Left: 1}}
	x = n.Add("pool3", networks.AveragePool{Window: oblong, Ceil: true, CountPad: true}, conv("conv3", 10, x))
	n.Add("linear", networks.Linear{Out: classes}, n.Add("flatten", networks.Flatten{}, x))
	return n
}

// Leaky has functions of codes: LeakyReLU and PReLU behind convolutions and a sum, and batch norm that no convolution has,
// behind pooling and a sum. The input is square.
func Leaky(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	norm := networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}
	conv := func(name string, out, stride int, from string) string {
		return n.Add(name, networks.Conv{Out: out, Window: networks.Square(3, stride, 1)}, from)
	}
	x := n.Add("leaky1", networks.LeakyReLU{Slope: 0.1}, n.Add("bn1", norm, conv("conv1", 12, 2, networks.Input)))
	x = n.Add("pool2", networks.MaxPool{Window: networks.Square(2, 2, 0)}, conv("conv2", 16, 1, x))
	x = n.Add("relu2", networks.ReLU{}, n.Add("bn2", norm, x))
	branch := n.Add("prelu3", networks.PReLU{}, conv("conv3", 16, 1, x))
	x = n.Add("prelu4", networks.PReLU{}, n.Add("block.add", networks.Add{}, n.Add("bn4", norm, conv("conv4", 16, 1, branch)), x))
	x = n.Add("relu5", networks.ReLU6{}, n.Add("bn5", norm, n.Add("add5", networks.Add{}, conv("conv5", 16, 1, x), x)))
	n.Add("linear", networks.Linear{Out: classes}, n.Add("average_pool", networks.GlobalAveragePool{}, x))
	return n
}
