// Package integertest builds small integer networks for tests.
package integertest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

// Random returns a network that passes Check: a convolution, residual blocks
// with and without a projection, pooling and a linear layer, with
// random sizes, bit widths, signs, zero points and scales. Half the networks
// have powers of two as scales, which makes results fall between two codes.
func Random(rng *rand.Rand) *integer.Network {
	b := &builder{rng: rng, dyadic: rng.IntN(2) == 0, net: &integer.Network{
		Name: fmt.Sprintf("random %d", rng.IntN(1000)),
	}}
	x := b.input(2+rng.IntN(8), 2+rng.IntN(8), 1+rng.IntN(4))
	x = b.conv("stem", x, 1+rng.IntN(20), 1+2*rng.IntN(2), 1, rng.IntN(2) == 0)
	if rng.IntN(2) == 0 {
		x = b.maxPool("stem.pool", x)
	}
	for i := range 1 + rng.IntN(3) {
		s := block{1 + rng.IntN(20), b.net.Tensors[x].C, 1 + 2*rng.IntN(2), 1 + rng.IntN(2), 0}
		if s.stride > 1 {
			s.channels += rng.IntN(2 * s.channels)
		}
		x = b.block(fmt.Sprintf("block%d", i), x, s)
	}
	if rng.IntN(2) == 0 {
		x = b.lookup("lookup", x)
	}
	if rng.IntN(2) == 0 {
		x = b.concat("concat", x)
	}
	x = b.maxPool("max_pool", x)
	if rng.IntN(4) > 0 {
		pooled := b.tensor(1, 1, b.net.Tensors[x].C)
		b.add(&integer.AveragePool{Name: "pool", In: x, Out: pooled})
		x = pooled
	}
	b.linear("linear", x, 1+rng.IntN(10))
	return b.net
}

// RandomWindows returns a random network of convolutions and averages whose windows differ by axis and side, grouped and
// depthwise ones among them.
func RandomWindows(rng *rand.Rand) *integer.Network {
	b := &builder{rng: rng, dyadic: rng.IntN(2) == 0, net: &integer.Network{Name: "windows"}}
	x := b.input(3+rng.IntN(8), 3+rng.IntN(8), 1+rng.IntN(4))
	for i := range 2 + rng.IntN(3) {
		from := b.net.Tensors[x]
		size := networks.Size{H: 1 + rng.IntN(min(5, from.H)), W: 1 + rng.IntN(min(5, from.W))}
		w := networks.Window{Kernel: size, Stride: networks.Size{H: 1 + rng.IntN(3), W: 1 + rng.IntN(3)},
			Pad: networks.Pad{Top: rng.IntN(size.H), Left: rng.IntN(size.W), Bottom: rng.IntN(size.H), Right: rng.IntN(size.W)}}
		groups, channels := 0, 1+rng.IntN(20)
		switch rng.IntN(3) {
		case 0:
			groups, channels = from.C, from.C
		case 1:
			groups = from.C
			channels = groups * (1 + rng.IntN(3))
		}
		x = b.windowed(fmt.Sprint("conv", i), x, channels, w, groups, rng.IntN(2) == 0)
		if rng.IntN(2) == 0 {
			x = b.averageWindow(fmt.Sprint("average", i), x)
		}
	}
	b.linear("linear", x, 1+rng.IntN(10))
	return b.net
}

// ResNet20 returns a network of ResNet-20's shape (He et al. 2015, arXiv
// 1512.03385, section 4.2) with random weights; weights and convolution inputs
// have the given bits, input, residual stream, first and last layer 8.
func ResNet20(rng *rand.Rand, bits int) *integer.Network {
	b := &builder{rng: rng, bits: 8, net: &integer.Network{Name: "resnet20"}}
	x := b.conv("conv1", b.input(32, 32, 3), 16, 3, 1, true)
	for stage, channels := range []int{16, 32, 64} {
		for i := range 3 {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = b.block(fmt.Sprintf("layer%d.%d", stage+1, i), x, block{channels, channels, 3, stride, bits})
		}
	}
	pooled := b.tensor(1, 1, 64)
	b.add(&integer.AveragePool{Name: "average_pool", In: x, Out: pooled})
	b.linear("linear", pooled, 10)
	return b.net
}

// Pooled returns a network of random weights whose windows of max pooling overlap, and reach beyond all sides of their input.
func Pooled(rng *rand.Rand) *integer.Network {
	b := &builder{rng: rng, bits: 6, net: &integer.Network{Name: "pooled"}}
	x := b.window(&integer.MaxPool{Name: "pool1", In: b.conv("conv1", b.input(9, 8, 3), 8, 3, 1, false), Window: networks.Square(3, 2, 1)}, true)
	x = b.window(&integer.MaxPool{Name: "pool2", In: b.conv("conv2", x, 8, 3, 1, true), Window: networks.Square(3, 2, 0)}, true)
	b.linear("linear", x, 10)
	return b.net
}

// Shrinking returns a network of random weights whose tensors shrink, so that later layers take more images together than
// earlier ones: 1, 3 and 4.
func Shrinking(rng *rand.Rand) *integer.Network {
	b := &builder{rng: rng, net: &integer.Network{Name: "shrinking"}}
	x := b.conv("stem", b.tensor(192, 208, 4), 8, 3, 2, true)
	for i, s := range []block{{8, 8, 3, 1, 0}, {16, 16, 3, 2, 0}, {32, 32, 3, 2, 0}, {64, 64, 3, 2, 0}, {64, 64, 3, 1, 0}} {
		x = b.block(fmt.Sprint("block", i), x, s)
	}
	b.linear("linear", x, 10)
	return b.net
}

type builder struct {
	rng    *rand.Rand
	dyadic bool
	bits   int // of tensors and weights; 0: random bits, signs and zero points
	net    *integer.Network
}

// block is the shape of a residual block; bits is that of the builder within
// the block, not on its input and output.
type block struct{ middle, channels, kernel, stride, bits int }

func (b *builder) add(l integer.Layer) { b.net.Layers = append(b.net.Layers, l) }

// scale returns a power of two, or any number, around 2^exponent.
func (b *builder) scale(exponent int) float32 {
	s := math.Ldexp(1, exponent+b.rng.IntN(3)-1)
	if !b.dyadic {
		s *= 1 + b.rng.Float64()
	}
	return float32(s)
}

// input adds the network's input, with a mean and a deviation for each channel: ImageNet's, for up to three.
func (b *builder) input(h, w, c int) int {
	for i := range max(c, 3) {
		b.net.Mean = append(b.net.Mean, []float32{0.485, 0.456, 0.406}[i%3])
		b.net.Std = append(b.net.Std, []float32{0.229, 0.224, 0.225}[i%3])
	}
	return b.tensor(h, w, c)
}

func (b *builder) tensor(h, w, c int) int {
	t := integer.Tensor{Name: fmt.Sprintf("tensor %d", len(b.net.Tensors)), H: h, W: w, C: c, Bits: b.bits}
	if b.bits == 0 {
		t.Bits, t.Signed = 1+b.rng.IntN(8), b.rng.IntN(2) == 0
		switch {
		case t.Signed:
			t.ZeroPoint = 1 << (t.Bits - 1)
			t.Narrow = t.Bits > 1 && b.rng.IntN(2) == 0
		case b.rng.IntN(2) == 0:
			t.ZeroPoint = uint8(b.rng.IntN(1 << t.Bits))
		}
	}
	t.Scale = b.scale(2 - t.Bits)
	b.net.Tensors = append(b.net.Tensors, t)
	return len(b.net.Tensors) - 1
}

// weights returns n weights and their bits.
func (b *builder) weights(n int) (w []int8, bits int) {
	w, bits = make([]int8, n), b.bits
	if bits == 0 {
		bits = 1 + b.rng.IntN(8)
	}
	for i := range w {
		if w[i] = int8(b.rng.IntN(1<<bits) - 1<<(bits-1)); bits == 1 {
			w[i] = 2*w[i] + 1
		}
	}
	return w, bits
}

func (b *builder) floats(n int, f func() float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(f())
	}
	return x
}

func (b *builder) conv(name string, in, channels, k, stride int, relu bool) int {
	return b.windowed(name, in, channels, networks.Square(k, stride, k/2), 0, relu)
}

func (b *builder) windowed(name string, in, channels int, window networks.Window, groups int, relu bool) int {
	from := b.net.Tensors[in]
	op := networks.Conv{Out: channels, Window: window, Groups: groups}
	shape, err := op.Shape([]networks.Shape{{H: from.H, W: from.W, C: from.C}})
	if err != nil {
		panic(err)
	}
	out := b.tensor(shape.H, shape.W, channels)
	products := window.Kernel.H * window.Kernel.W * from.C / max(groups, 1)
	w, bits := b.weights(products * channels)
	// The weights' scale brings sums to about the range of the output.
	to := b.net.Tensors[out]
	exponent := math.Log2(float64(to.Scale)/float64(from.Scale)) + float64(to.Bits-bits-from.Bits) - math.Log2(float64(products))/2 + 2
	sw := []float32{b.scale(int(exponent))}
	gamma := b.floats(channels, func() float64 { return [4]float64{1, 1, 0.5, -1}[b.rng.IntN(4)] })
	if b.rng.IntN(3) == 0 {
		gamma[b.rng.IntN(channels)] = 0
	}
	beta := b.floats(channels, func() float64 { return b.rng.NormFloat64() * float64(to.Scale) })
	f := integer.FoldBatchNorm(from.Scale, sw, gamma, beta, make([]float32, channels), b.floats(channels, func() float64 { return 1 }), 0)
	conv := integer.NewConv(b.net, name, in, out, window, groups, w, bits, f, relu)
	if b.bits == 0 && relu && b.rng.IntN(3) == 0 { // as behind ReLU6
		conv.Hi = to.ZeroPoint + uint8(b.rng.IntN(int(conv.Hi-to.ZeroPoint)+1))
	}
	b.add(conv)
	return out
}

// block adds relu(conv(conv(x)) + shortcut(x)) and returns its tensor.
func (b *builder) block(name string, x int, s block) int {
	from, bits := b.net.Tensors[x], b.bits
	b.bits = s.bits
	in := b.tensor(from.H, from.W, from.C)
	lo, hi := b.net.Tensors[in].Range()
	b.add(&integer.Requantize{Name: name + ".input", In: x, Out: in, Lo: lo, Hi: hi})
	middle := b.conv(name+".conv1", in, s.middle, s.kernel, s.stride, true)
	branch := b.conv(name+".conv2", middle, s.channels, s.kernel, 1, false)
	b.bits = bits
	to := b.net.Tensors[branch]
	if to.Shape() != from.Shape() {
		projected := from
		projected.Name, projected.H, projected.W, projected.C = name+".shortcut", to.H, to.W, to.C
		b.net.Tensors = append(b.net.Tensors, projected)
		b.add(&integer.Shortcut{Name: projected.Name, In: x, Out: len(b.net.Tensors) - 1, Stride: s.stride})
		x = len(b.net.Tensors) - 1
	}
	out := b.tensor(to.H, to.W, to.C)
	lo, hi = b.net.Tensors[out].Range()
	b.add(&integer.Add{Name: name + ".add", A: branch, B: x, Out: out, Lo: max(lo, b.net.Tensors[out].ZeroPoint), Hi: hi})
	return out
}

// lookup adds tables of random codes, one or one for each channel.
func (b *builder) lookup(name string, x int) int {
	in := b.net.Tensors[x]
	out := b.tensor(in.H, in.W, in.C)
	l := &integer.Lookup{Name: name, In: x, Out: out}
	n := l.Codes(b.net)
	if b.rng.IntN(2) == 0 {
		n *= in.C
	}
	lo, hi := b.net.Tensors[out].Range()
	for range n {
		l.Table = append(l.Table, lo+uint8(b.rng.IntN(int(hi-lo)+1)))
	}
	b.add(l)
	return out
}

// concat joins a tensor and a convolution of it, requantized to its codes, in either order.
func (b *builder) concat(name string, x int) int {
	in := b.net.Tensors[x]
	other := b.conv(name+".conv", x, 1+b.rng.IntN(8), 1, 1, false)
	part, joint := in, in
	part.Name, part.C = name+".part", b.net.Tensors[other].C
	joint.Name, joint.C = name, in.C+part.C
	b.net.Tensors = append(b.net.Tensors, part, joint)
	lo, hi := part.Range()
	l := &integer.Concat{Name: name, A: x, B: len(b.net.Tensors) - 2, Out: len(b.net.Tensors) - 1}
	b.add(&integer.Requantize{Name: part.Name, In: other, Out: l.B, Lo: lo, Hi: hi})
	if b.rng.IntN(2) == 0 {
		l.A, l.B = l.B, l.A
	}
	b.add(l)
	return l.Out
}

// maxPool adds a window that fits, and returns its tensor.
func (b *builder) maxPool(name string, x int) int {
	in := b.net.Tensors[x]
	kernel := 1 + b.rng.IntN(min(3, in.H, in.W))
	w := networks.Square(kernel, 1+b.rng.IntN(3), b.rng.IntN(kernel/2+1))
	if b.rng.IntN(2) == 0 {
		w = b.poolWindow(in, w.Stride.H)
	}
	return b.window(&integer.MaxPool{Name: name, In: x, Window: w}, b.rng.IntN(2) == 0)
}

// poolWindow differs by axis and side.
func (b *builder) poolWindow(in integer.Tensor, strideH int) (w networks.Window) {
	w.Kernel = networks.Size{H: 1 + b.rng.IntN(min(4, in.H)), W: 1 + b.rng.IntN(min(4, in.W))}
	w.Stride = networks.Size{H: strideH, W: 1 + b.rng.IntN(3)}
	along := func(kernel int) int { return b.rng.IntN(kernel/2 + 1) }
	w.Pad = networks.Pad{Top: along(w.Kernel.H), Left: along(w.Kernel.W), Bottom: along(w.Kernel.H), Right: along(w.Kernel.W)}
	return w
}

// window adds the layer with its output, and returns that.
func (b *builder) window(l *integer.MaxPool, ceil bool) int {
	out := b.net.Tensors[l.In]
	shape := b.pooled(l.In, l.Window, ceil)
	out.Name, out.H, out.W = l.Name, shape.H, shape.W
	b.net.Tensors = append(b.net.Tensors, out)
	l.Out = len(b.net.Tensors) - 1
	b.add(l)
	return l.Out
}

// pooled is the shape of what pooling gives.
func (b *builder) pooled(in int, w networks.Window, ceil bool) networks.Shape {
	from := b.net.Tensors[in]
	shape, err := networks.MaxPool{Window: w, Ceil: ceil}.Shape([]networks.Shape{{H: from.H, W: from.W, C: from.C}})
	if err != nil {
		panic(err)
	}
	return shape
}

// averageWindow adds a window that fits, with the padding counted or not, and returns its tensor.
func (b *builder) averageWindow(name string, x int) int {
	in := b.net.Tensors[x]
	w := b.poolWindow(in, 1+b.rng.IntN(3))
	shape := b.pooled(x, w, b.rng.IntN(2) == 0)
	out := b.tensor(shape.H, shape.W, shape.C)
	b.add(&integer.AverageWindow{Name: name, In: x, Out: out, Window: w, CountPad: b.rng.IntN(2) == 0})
	return out
}

func (b *builder) linear(name string, in, classes int) {
	from := b.net.Tensors[in]
	w, bits := b.weights(from.Len() * classes)
	f := integer.FoldBias(from.Scale, []float32{b.scale(-bits)}, b.floats(classes, b.rng.NormFloat64))
	b.add(&integer.Linear{Name: name, In: in, Out: classes, Weights: f.Weights(w), WeightBits: bits, Scale: f.Scale, Bias: f.Bias})
	if b.rng.IntN(2) == 0 {
		for i := range classes {
			b.net.Classes = append(b.net.Classes, fmt.Sprintf("class <%d> & \"ß\"", i))
		}
	}
}

// Pictures returns n normalized images for the network's input, some of their
// values far outside of its range.
func Pictures(rng *rand.Rand, net *integer.Network, n int) []float32 {
	in := net.Tensors[0]
	x := make([]float32, n*in.Len())
	for i := range x {
		x[i] = float32(rng.NormFloat64() * float64(in.Scale) * float64(int(1)<<in.Bits) / 2)
		if rng.IntN(20) == 0 {
			x[i] *= 1e30
		}
	}
	return x
}
