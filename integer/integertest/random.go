// Package integertest builds small integer networks for tests.
package integertest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/qat-go/qat/integer"
)

// Random returns a network that passes Check: a convolution, residual blocks
// with and without a projection, average pooling and a linear layer, with
// random sizes, bit widths, signs, zero points and scales. Half the networks
// have powers of two as scales, which makes results fall between two codes.
func Random(rng *rand.Rand) *integer.Network {
	b := &builder{rng: rng, dyadic: rng.IntN(2) == 0, net: &integer.Network{
		Name: fmt.Sprintf("random %d", rng.IntN(1000)), Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225},
	}}
	x := b.tensor(2+rng.IntN(8), 2+rng.IntN(8), 1+rng.IntN(4))
	x = b.conv("stem", x, 1+rng.IntN(20), 1, rng.IntN(2) == 0)
	for i := range 1 + rng.IntN(3) {
		x = b.block(fmt.Sprintf("block%d", i), x, 1+rng.IntN(2))
	}
	if rng.IntN(4) > 0 {
		pooled := b.tensor(1, 1, b.net.Tensors[x].C)
		b.add(integer.NewAveragePool(b.net, "pool", x, pooled))
		x = pooled
	}
	b.linear("linear", x, 1+rng.IntN(10))
	return b.net
}

type builder struct {
	rng    *rand.Rand
	dyadic bool
	net    *integer.Network
}

func (b *builder) add(l integer.Layer) { b.net.Layers = append(b.net.Layers, l) }

// scale returns a power of two, or any number, around 2^exponent.
func (b *builder) scale(exponent int) float32 {
	s := math.Ldexp(1, exponent+b.rng.IntN(3)-1)
	if !b.dyadic {
		s *= 1 + b.rng.Float64()
	}
	return float32(s)
}

func (b *builder) tensor(h, w, c int) int {
	t := integer.Tensor{Name: fmt.Sprintf("tensor %d", len(b.net.Tensors)), H: h, W: w, C: c, Bits: 1 + b.rng.IntN(8), Signed: b.rng.IntN(2) == 0}
	t.Scale = b.scale(2 - t.Bits)
	if t.Signed {
		t.ZeroPoint = 1 << (t.Bits - 1)
		t.Narrow = t.Bits > 1 && b.rng.IntN(2) == 0
	} else if b.rng.IntN(2) == 0 {
		t.ZeroPoint = uint8(b.rng.IntN(1 << t.Bits))
	}
	b.net.Tensors = append(b.net.Tensors, t)
	return len(b.net.Tensors) - 1
}

// weights returns n weights and their bits.
func (b *builder) weights(n int) (w []int8, bits int) {
	w, bits = make([]int8, n), 1+b.rng.IntN(8)
	for i := range w {
		w[i] = int8(b.rng.IntN(1<<bits) - 1<<(bits-1))
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

func (b *builder) conv(name string, in, channels, stride int, relu bool) int {
	from := b.net.Tensors[in]
	k := 1 + 2*b.rng.IntN(2)
	out := b.tensor((from.H-1)/stride+1, (from.W-1)/stride+1, channels)
	w, bits := b.weights(k * k * from.C * channels)
	// The weights' scale brings sums to about the range of the output.
	to := b.net.Tensors[out]
	exponent := math.Log2(float64(to.Scale)/float64(from.Scale)) + float64(to.Bits-bits-from.Bits) - math.Log2(float64(k*k*from.C))/2 + 2
	sw := []float32{b.scale(int(exponent))}
	gamma := b.floats(channels, func() float64 { return [4]float64{1, 1, 0.5, -1}[b.rng.IntN(4)] })
	if b.rng.IntN(3) == 0 {
		gamma[b.rng.IntN(channels)] = 0
	}
	beta := b.floats(channels, func() float64 { return b.rng.NormFloat64() * float64(to.Scale) })
	f := integer.FoldBatchNorm(from.Scale, sw, gamma, beta, make([]float32, channels), b.floats(channels, func() float64 { return 1 }), 0)
	b.add(integer.NewConv(b.net, name, in, out, k, stride, k/2, w, bits, f, relu))
	return out
}

// block adds relu(conv(conv(x)) + shortcut(x)) and returns its tensor.
func (b *builder) block(name string, x, stride int) int {
	from := b.net.Tensors[x]
	in := b.tensor(from.H, from.W, from.C)
	lo, hi := b.net.Tensors[in].Range()
	b.add(&integer.Requantize{Name: name + ".input", In: x, Out: in, Lo: lo, Hi: hi})
	channels := from.C
	if stride > 1 {
		channels += b.rng.IntN(2 * from.C)
	}
	branch := b.conv(name+".conv2", b.conv(name+".conv1", in, 1+b.rng.IntN(20), stride, true), channels, 1, false)
	to := b.net.Tensors[branch]
	if stride > 1 {
		s := from
		s.Name, s.H, s.W, s.C = name+".shortcut", to.H, to.W, to.C
		b.net.Tensors = append(b.net.Tensors, s)
		b.add(&integer.Shortcut{Name: s.Name, In: x, Out: len(b.net.Tensors) - 1, Stride: stride})
		x = len(b.net.Tensors) - 1
	}
	out := b.tensor(to.H, to.W, to.C)
	lo, hi = b.net.Tensors[out].Range()
	b.add(&integer.Add{Name: name + ".add", A: branch, B: x, Out: out, Lo: max(lo, b.net.Tensors[out].ZeroPoint), Hi: hi})
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

// Pictures returns n normalized pictures for the network's input, some of their
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
