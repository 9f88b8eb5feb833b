package networks

import "fmt"

// alexNet is AlexNet with batch norm. LQ-Nets' form, for 227x227 pixels, has pooling before batch norm, and its program
// writes the first two linear layers as convolutions over all pixels, which is the same. At other sizes the first linear
// layer reads the pixels that there are.
func alexNet(o Options) *Network {
	if o.Form == DoReFa {
		return doReFaAlexNet(o)
	}
	n := &Network{Input: o.Input}
	x := Input
	for i, c := range []Conv{
		{Out: 96, Window: Square(11, 4, 0)}, {Out: 256, Window: Square(5, 1, 2)}, {Out: 384, Window: Square(3, 1, 1)},
		{Out: 384, Window: Square(3, 1, 1)}, {Out: 256, Window: Square(3, 1, 1)},
	} {
		x = n.Add(fmt.Sprint("conv", i+1), c, x)
		if i < 2 || i == 4 {
			x = n.Add(fmt.Sprint("pool", i+1), MaxPool{Window: Square(3, 2, 0)}, x)
		}
		x = n.Add(fmt.Sprint("relu", i+1), ReLU{}, n.Add(fmt.Sprint("bn", i+1), norm, x))
	}
	x = n.Add("flatten", Flatten{}, x)
	for i := 6; i <= 7; i++ {
		x = n.Add(fmt.Sprint("fc", i), Linear{Out: 4096}, x)
		x = n.Add(fmt.Sprint("relu", i), ReLU{}, n.Add(fmt.Sprint("bn", i), norm, x))
	}
	n.Add("fc8", Linear{Out: o.Classes}, x)
	return n
}

// doReFaAlexNet is tensorpack's for DoReFa-Net, for 224x224 pixels: three convolutions have two groups, the first no batch
// norm, and pooling comes after batch norm, with TensorFlow's SAME padding but for the last. Its activation function is
// min(max(x, 0), 1), of which the quantizers of DoReFa-Net cut off the upper half; here it is ReLU.
func doReFaAlexNet(o Options) *Network {
	n := &Network{Input: o.Input}
	bn := BatchNorm{Eps: 1e-4, Momentum: 0.1}
	x := n.Add("relu0", ReLU{}, n.Add("conv0", Conv{Out: 96, Window: Square(12, 4, 0)}, Input))
	size := Shape{H: (o.Input.H-12)/4 + 1, W: (o.Input.W-12)/4 + 1}
	for i, c := range []Conv{
		{Out: 256, Window: Square(5, 1, 2), Groups: 2}, {Out: 384, Window: Square(3, 1, 1)},
		{Out: 384, Window: Square(3, 1, 1), Groups: 2}, {Out: 256, Window: Square(3, 1, 1), Groups: 2},
	} {
		x = n.Add(fmt.Sprint("bn", i+1), bn, n.Add(fmt.Sprint("conv", i+1), c, x))
		switch i {
		case 0, 1:
			pool := Same(size, Size{3, 3}, Size{2, 2})
			size.H, size.W = (size.H-1)/2+1, (size.W-1)/2+1
			x = n.Add(fmt.Sprint("pool", i+1), MaxPool{Window: pool}, x)
		case 3:
			x = n.Add("pool4", MaxPool{Window: Square(3, 2, 0)}, x)
		}
		x = n.Add(fmt.Sprint("relu", i+1), ReLU{}, x)
	}
	x = n.Add("flatten", Flatten{}, x)
	for i := range 2 {
		x = n.Add(fmt.Sprint("fc", i), Linear{Out: 4096, NoBias: i == 1}, x)
		x = n.Add(fmt.Sprint("relufc", i), ReLU{}, n.Add(fmt.Sprint("bnfc", i), bn, x))
	}
	n.Add("fct", Linear{Out: o.Classes}, x)
	return n
}
