package networks

import "fmt"

// norm is PyTorch's batch norm, kerasNorm Keras's.
var norm, kerasNorm = BatchNorm{Eps: 1e-5, Momentum: 0.1}, BatchNorm{Eps: 1e-3, Momentum: 0.01}

// convNorm adds a convolution and PyTorch's batch norm.
func (n *Network) convNorm(conv, bn string, op Conv, from string) string {
	return n.Add(bn, norm, n.Add(conv, op, from))
}

// kerasOr adds a convolution and batch norm, as Keras has them or as PyTorch does. Keras's have a bias, and TensorFlow's
// padding over an input of that size; size becomes that of the output.
func (n *Network) kerasOr(f Form, size *Shape, conv, bn string, op Conv, from string) string {
	b := norm
	if f == MLPerfTiny {
		b, op.Bias, op.Window = kerasNorm, true, Same(*size, op.Kernel, op.Stride)
	}
	if s, err := op.positions(*size, false); err == nil { // else Shapes tells
		*size = Shape{s.H, s.W, op.Out}
	}
	return n.Add(bn, b, n.Add(conv, op, from))
}

// residual is a residual network under construction. Names are those of PyTorch implementations.
type residual struct {
	*Network
	block      Block
	projection Projection
	module     string // of a projection with weights: "shortcut" in networks for CIFAR, "downsample" in torchvision
	x          string // the stream
	channels   int    // of it
}

// stages adds runs of blocks: of each stage but the first, the first block has stride 2. add is one of the blocks below.
func (r *residual) stages(add func(name string, out, stride int), width int, blocks ...int) {
	for stage, count := range blocks {
		for i := range count {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			add(fmt.Sprintf("layer%d.%d.", stage+1, i), width<<stage, stride)
		}
	}
}

// skip is the shortcut of a block.
func (r *residual) skip(name, from string, out, stride int) string {
	if stride == 1 && r.channels == out {
		return from
	}
	at := func(i int) string { return fmt.Sprintf("%s%s.%d", name, r.module, i) }
	switch r.projection {
	case OptionA:
		return r.Add(name+"shortcut", Shortcut{Stride: stride, Out: out}, from)
	case PoolConv:
		if stride > 1 {
			from = r.Add(at(0), AveragePool{Window: Square(2, stride, 0), Ceil: true}, from)
		}
		return r.convNorm(at(1), at(2), Conv{Out: out, Window: Square(1, 1, 0)}, from)
	}
	return r.convNorm(at(0), at(1), Conv{Out: out, Window: Square(1, stride, 0)}, from)
}

// basic adds a block of two convolutions, of any [Block].
func (r *residual) basic(name string, out, stride int) {
	conv := func(i, stride int, from string) string {
		return r.convNorm(fmt.Sprint(name, "conv", i), fmt.Sprint(name, "bn", i), Conv{Out: out, Window: Square(3, stride, 1)}, from)
	}
	if r.block == Basic {
		y := conv(2, 1, r.Add(name+"relu1", ReLU{}, conv(1, stride, r.x)))
		r.x = r.Add(name+"relu2", ReLU{}, r.Add(name+"add", Add{}, y, r.skip(name, r.x, out, stride)))
		r.channels = out
		return
	}
	for i := 1; i <= 2; i++ {
		y := conv(i, stride, r.x)
		r.x = r.Add(fmt.Sprint(name, "add", i), Add{Real: true}, y, r.skip(name, r.x, out, stride))
		if r.block == ReActNet {
			r.x = r.Add(fmt.Sprint(name, "rprelu", i), RPReLU{}, r.x)
		}
		r.channels, stride = out, 1
	}
}

// bottleneck adds a block of a 1x1 convolution, a 3x3 and another 1x1 one with four times the channels (He et al. 2015,
// section 4.1). The stride is that of the 3x3 one, or of the first.
func (r *residual) bottleneck(name string, width, stride int, first bool) {
	strides := [3]int{1, stride, 1}
	if first {
		strides = [3]int{stride, 1, 1}
	}
	y := r.x
	for i, c := range []Conv{{Out: width, Window: Square(1, strides[0], 0)}, {Out: width, Window: Square(3, strides[1], 1)}, {Out: 4 * width, Window: Square(1, 1, 0)}} {
		if i > 0 {
			y = r.Add(fmt.Sprint(name, "relu", i), ReLU{}, y)
		}
		y = r.convNorm(fmt.Sprint(name, "conv", i+1), fmt.Sprint(name, "bn", i+1), c, y)
	}
	r.x = r.Add(name+"relu3", ReLU{}, r.Add(name+"add", Add{}, y, r.skip(name, r.x, 4*width, stride)))
	r.channels = 4 * width
}

// preActivation adds a block of two convolutions with batch norm and ReLU before each (He et al. 2016,
// https://arxiv.org/abs/1603.05027). Where the size changes the shortcut reads them too, and has no batch norm of its own.
func (r *residual) preActivation(name string, out, stride int) {
	act := func(i int, from string) string {
		return r.Add(fmt.Sprint(name, "relu", i), ReLU{}, r.Add(fmt.Sprint(name, "bn", i), norm, from))
	}
	skip, a := r.x, act(1, r.x)
	y := r.Add(name+"conv1", Conv{Out: out, Window: Square(3, stride, 1)}, a)
	y = r.Add(name+"conv2", Conv{Out: out, Window: Square(3, 1, 1)}, act(2, y))
	switch {
	case stride == 1 && r.channels == out:
	case r.projection == OptionA:
		skip = r.Add(name+"shortcut", Shortcut{Stride: stride, Out: out}, a)
	default:
		skip = r.Add(name+r.module+".0", Conv{Out: out, Window: Square(1, stride, 0)}, a)
	}
	r.x, r.channels = r.Add(name+"add", Add{}, y, skip), out
}

// classify ends the network with global average pooling and a linear layer.
func (r *residual) classify(pool, linear string, classes int) *Network {
	r.Add(linear, Linear{Out: classes}, r.Add(pool, GlobalAveragePool{}, r.x))
	return r.Network
}
