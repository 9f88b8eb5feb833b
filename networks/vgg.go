package networks

import "fmt"

// vgg is torchvision's VGG with batch norm: groups of 3x3 convolutions, each behind by 2x2 max pooling, with 64 to 512
// channels, and three linear layers. Those read 7x7 pixels of images of 224x224; torchvision averages other sizes to that,
// here the first linear layer reads the pixels that there are.
func vgg(o Options, convs ...int) *Network {
	n := &Network{Input: o.Input}
	x, i := Input, 0
	feature := func(op Op) {
		x = n.Add(fmt.Sprint("features.", i), op, x)
		i++
	}
	for group, count := range convs {
		for range count {
			feature(Conv{Out: min(64<<group, 512), Window: Square(3, 1, 1), Bias: true})
			feature(norm)
			feature(ReLU{})
		}
		feature(MaxPool{Window: Square(2, 2, 0)})
	}
	x = n.Add("flatten", Flatten{}, x)
	linear := func(out int) Op { return Linear{Out: out, Start: Normal} }
	for i, op := range []Op{linear(4096), ReLU{}, Dropout{Rate: 0.5}, linear(4096), ReLU{}, Dropout{Rate: 0.5}, linear(o.Classes)} {
		x = n.Add(fmt.Sprint("classifier.", i), op, x)
	}
	return n
}

// small is the body of the VGG-like networks for CIFAR: pairs of 3x3 convolutions with 128, 256 and 512 channels, each pair
// behind by 2x2 max pooling, which stands before or after batch norm and ReLU.
func small(o Options, poolFirst bool) (n *Network, x string) {
	n, x = &Network{Input: o.Input}, Input
	for i := range 6 {
		add := func(name string, op Op) { x = n.Add(fmt.Sprint(name, i), op, x) }
		pool := func(now bool) {
			if now && i%2 == 1 {
				add("pool", MaxPool{Window: Square(2, 2, 0)})
			}
		}
		add("conv", Conv{Out: 128 << (i / 2), Window: Square(3, 1, 1)})
		pool(poolFirst)
		add("bn", norm)
		add("relu", ReLU{})
		pool(!poolFirst)
	}
	return n, n.Add("flatten", Flatten{}, x)
}

// vggSmall is LQ-Nets': pooling comes before batch norm, and one linear layer follows.
func vggSmall(o Options) *Network {
	n, x := small(o, true)
	n.Add("fc", Linear{Out: o.Classes}, x)
	return n
}

// vgg7 is TWN's: pooling comes after batch norm and ReLU, and a linear layer of 1024 before the last.
func vgg7(o Options) *Network {
	n, x := small(o, false)
	n.Add("fc2", Linear{Out: o.Classes}, n.Add("relu6", ReLU{}, n.Add("fc1", Linear{Out: 1024}, x)))
	return n
}

// convNet is BinaryConnect's: pooling comes before batch norm, and two linear layers of 1024 with batch norm before the
// last. The batch norm that its program has after the last one is left out.
func convNet(o Options) *Network {
	n, x := small(o, true)
	for i := 6; i < 8; i++ {
		x = n.Add(fmt.Sprint("fc", i), Linear{Out: 1024, NoBias: true}, x)
		x = n.Add(fmt.Sprint("relu", i), ReLU{}, n.Add(fmt.Sprint("bn", i), norm, x))
	}
	n.Add("fc8", Linear{Out: o.Classes}, x)
	return n
}
