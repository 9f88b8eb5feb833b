package networkstest

import "github.com/qat-go/qat/networks"

// Oblong has windows whose height is not their width, padded by other numbers on each side: of convolutions, of max pooling of
// codes and of real values, with ceil_mode and without. Two convolutions read the images.
func Oblong(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	conv := func(name string, out int, w networks.Window, from string) string {
		x := n.Add(name, networks.Conv{Out: out, Window: w}, from)
		return n.Add(name+".relu", networks.ReLU{}, n.Add(name+".bn", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x))
	}
	window := func(h, w, down, right int, pad networks.Pad) networks.Window {
		return networks.Window{Kernel: networks.Size{H: h, W: w}, Stride: networks.Size{H: down, W: right}, Pad: pad}
	}
	x := conv("conv1", 12, window(3, 5, 1, 2, networks.Pad{Top: 1, Left: 2, Bottom: 1, Right: 1}), networks.Input)
	x = n.Add("concat1", networks.Concat{}, x, conv("conv0", 5, window(3, 3, 1, 2, networks.Pad{Top: 1, Left: 1, Bottom: 1}), networks.Input))
	x = n.Add("pool1", networks.MaxPool{Window: window(3, 2, 2, 1, networks.Pad{Top: 1, Right: 1}), Ceil: true}, x)
	x = conv("conv2", 16, window(1, 3, 1, 1, networks.Pad{Left: 2}), x)
	x = n.Add("pool2", networks.MaxPool{Window: window(2, 4, 3, 2, networks.Pad{Left: 2, Bottom: 1, Right: 1})}, x)
	x = conv("conv3", 16, window(4, 1, 1, 1, networks.Pad{Bottom: 3}), x)
	n.Add("linear", networks.Linear{Out: classes}, n.Add("average_pool", networks.GlobalAveragePool{}, x))
	return n
}
