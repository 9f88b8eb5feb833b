package networks

import "fmt"

// squeezeNet is torchvision's SqueezeNet 1.1: fire modules, whose outputs are two convolutions joined, and a 1x1 convolution
// to the classes, averaged over all pixels.
func squeezeNet(o Options) *Network {
	n := &Network{Input: o.Input}
	conv := func(name, relu string, out int, w Window, from string) string {
		return n.Add(relu, ReLU{}, n.Add(name, Conv{Out: out, Window: w, Bias: true, Start: HeUniform}, from))
	}
	x := conv("features.0", "features.1", 64, Square(3, 2, 0), Input)
	at := 2
	pool := func() {
		x = n.Add(fmt.Sprint("features.", at), MaxPool{Window: Square(3, 2, 0), Ceil: true}, x)
		at++
	}
	fire := func(squeeze, expand int) {
		name := fmt.Sprintf("features.%d.", at)
		s := conv(name+"squeeze", name+"squeeze_activation", squeeze, Square(1, 1, 0), x)
		one := conv(name+"expand1x1", name+"expand1x1_activation", expand, Square(1, 1, 0), s)
		x = n.Add(name+"concat", Concat{}, one, conv(name+"expand3x3", name+"expand3x3_activation", expand, Square(3, 1, 1), s))
		at++
	}
	for _, stage := range [][]struct{ squeeze, expand int }{{{16, 64}, {16, 64}}, {{32, 128}, {32, 128}}, {{48, 192}, {48, 192}, {64, 256}, {64, 256}}} {
		pool()
		for _, f := range stage {
			fire(f.squeeze, f.expand)
		}
	}
	x = n.Add("classifier.1", Conv{Out: o.Classes, Window: Square(1, 1, 0), Bias: true, Start: Normal}, n.Add("classifier.0", Dropout{Rate: 0.5}, x))
	n.Add("classifier.3", GlobalAveragePool{}, n.Add("classifier.2", ReLU{}, x))
	return n
}
