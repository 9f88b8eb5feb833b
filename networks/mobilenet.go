package networks

import "fmt"

// mobileNetV1 is a 3x3 convolution and 13 pairs of a depthwise 3x3 convolution and a 1x1 one, each with batch norm and ReLU.
// Names are those of https://github.com/marvis/pytorch-mobilenet. MLPerf Tiny's form has biases and TensorFlow's padding.
func mobileNetV1(o Options) *Network {
	n := &Network{Input: o.Input}
	x, size := Input, o.Input
	layer := func(module, i int, c Conv) {
		name := func(i int) string { return fmt.Sprintf("model.%d.%d", module, i) }
		x = n.Add(name(i+2), ReLU{}, n.kerasOr(o.Form, &size, name(i), name(i+1), c, x))
	}
	channels := func(c int) int { return max(int(float64(c)*o.Width), 8) }
	in := channels(32)
	layer(0, 0, Conv{Out: in, Window: Square(3, 2, 1)})
	for i, b := range []struct{ out, stride int }{
		{64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}, {512, 2}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1},
	} {
		layer(i+1, 0, Conv{Out: in, Window: Square(3, b.stride, 1), Groups: in})
		in = channels(b.out)
		layer(i+1, 3, Conv{Out: in, Window: Square(1, 1, 0)})
	}
	n.Add("fc", Linear{Out: o.Classes}, n.Add("avgpool", GlobalAveragePool{}, x))
	return n
}

// mobileNetV2 is torchvision's: inverted residual blocks, whose last convolution has no activation function.
func mobileNetV2(o Options) *Network {
	n := &Network{Input: o.Input}
	x := Input
	layer := func(name string, c Conv) {
		x = n.Add(name+".2", ReLU6{}, n.convNorm(name+".0", name+".1", c, x))
	}
	in := divisible(32 * o.Width)
	layer("features.0", Conv{Out: in, Window: Square(3, 2, 1)})
	at := 1
	for _, b := range []struct{ expand, out, count, stride int }{{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}} {
		out := divisible(float64(b.out) * o.Width)
		for i := range b.count {
			block, skip, stride, part, wide := fmt.Sprintf("features.%d.", at), x, 1, 0, in*b.expand
			if i == 0 {
				stride = b.stride
			}
			if b.expand > 1 {
				layer(block+"conv.0", Conv{Out: wide, Window: Square(1, 1, 0)})
				part++
			}
			layer(fmt.Sprint(block, "conv.", part), Conv{Out: wide, Window: Square(3, stride, 1), Groups: wide})
			x = n.convNorm(fmt.Sprint(block, "conv.", part+1), fmt.Sprint(block, "conv.", part+2), Conv{Out: out, Window: Square(1, 1, 0)}, x)
			if stride == 1 && in == out {
				x = n.Add(block+"add", Add{}, x, skip)
			}
			in, at = out, at+1
		}
	}
	layer(fmt.Sprint("features.", at), Conv{Out: divisible(1280 * max(o.Width, 1)), Window: Square(1, 1, 0)})
	x = n.Add("classifier.0", Dropout{Rate: 0.2}, n.Add("avgpool", GlobalAveragePool{}, x))
	n.Add("classifier.1", Linear{Out: o.Classes, Start: Normal}, x)
	return n
}

// divisible rounds channels to a multiple of 8, and down by at most 10 %, as torchvision does.
func divisible(channels float64) int {
	rounded := max(int(channels+4)/8*8, 8)
	if float64(rounded) < 0.9*channels {
		rounded += 8
	}
	return rounded
}

// dsCNN is MLPerf Tiny's for keywords: a 10x4 convolution and four pairs of a depthwise 3x3 convolution and a 1x1 one. Its own
// form is Keras's, with biases, TensorFlow's padding and dropout; the other pads by half of the kernel.
func dsCNN(o Options) *Network {
	n := &Network{Input: o.Input}
	x, size := Input, o.Input
	layer := func(name string, i int, c Conv) {
		of := func(what string) string { return fmt.Sprint(name, what, i) }
		x = n.Add(of("relu"), ReLU{}, n.kerasOr(o.Form, &size, of("conv"), of("bn"), c, x))
	}
	drop := func(name string, rate float64) {
		if o.Form == MLPerfTiny {
			x = n.Add(name, Dropout{Rate: rate}, x)
		}
	}
	layer("", 1, Conv{Out: 64, Window: Window{Kernel: Size{10, 4}, Stride: Size{2, 2}, Pad: Pad{5, 2, 5, 2}}})
	drop("dropout1", 0.2)
	for i := range 4 {
		name := fmt.Sprintf("layer%d.", i+1)
		layer(name, 1, Conv{Out: 64, Window: Square(3, 1, 1), Groups: 64})
		layer(name, 2, Conv{Out: 64, Window: Square(1, 1, 0)})
	}
	drop("dropout2", 0.4)
	n.Add("fc", Linear{Out: o.Classes}, n.Add("avgpool", GlobalAveragePool{}, x))
	return n
}
