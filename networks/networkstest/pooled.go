// Package networkstest builds small networks for tests.
package networkstest

import "github.com/qat-go/qat/networks"

// Pooled has max pooling wherever it can stand: in front of a residual stream, whose codes it passes on (pool1), before the
// quantizer of a convolution, with windows that end outside of the input (pool4), and of the linear layer, over all pixels
// (pool5). The input is square.
func Pooled(in networks.Shape, classes int) *networks.Network {
	n := &networks.Network{Input: in}
	conv := func(name string, out int, from string) string {
		x := n.Add("conv"+name, networks.Conv{Out: out, Window: networks.Square(3, 1, 1)}, from)
		return n.Add("bn"+name, networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, x)
	}
	relu := func(name, from string) string { return n.Add("relu"+name, networks.ReLU{}, from) }
	x := n.Add("pool1", networks.MaxPool{Window: networks.Square(3, 2, 1)}, relu("1", conv("1", 16, networks.Input)))
	branch := conv("3", 16, relu("2", conv("2", 16, x)))
	x = relu("3", n.Add("block.add", networks.Add{}, branch, x))
	x = n.Add("pool4", networks.MaxPool{Window: networks.Square(3, 2, 0), Ceil: true}, relu("4", conv("4", 24, x)))
	all := (in.H + 3) / 4 // of the pixels
	x = n.Add("pool5", networks.MaxPool{Window: networks.Square(all, all, 0)}, relu("5", conv("5", 32, x)))
	n.Add("linear", networks.Linear{Out: classes}, x)
	return n
}
