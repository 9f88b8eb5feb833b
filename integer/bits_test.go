package integer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/networks"
)

// Convolutions with weights of -1 and 1 on codes of one and two bits, and of -1 and
// 1 as the codes 0 and 2, give the codes of the reference. Their sums are long
// enough that bits are counted.
func TestBinaryLayers(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for trial := range 12 {
		net := &integer.Network{Tensors: []integer.Tensor{
			{H: 3 + rng.IntN(5), W: 3 + rng.IntN(9), C: 29 + rng.IntN(70), Bits: 1 + rng.IntN(2), Scale: 0.5},
		}}
		for i := range 3 {
			from, stride := net.Tensors[i], 1+rng.IntN(2)
			to := integer.Tensor{H: (from.H-1)/stride + 1, W: (from.W-1)/stride + 1, C: 57 + rng.IntN(20), Bits: 1 + rng.IntN(2)}
			to.Scale = from.Scale * float32(from.C) / 8
			sign := rng.IntN(2) == 0
			if sign { // any sum but 0 is clamped to 0 or 2
				to.Bits, to.ZeroPoint, to.Scale = 2, 1, from.Scale/4
			} else {
				to.ZeroPoint = uint8(rng.IntN(1 << to.Bits))
			}
			net.Tensors = append(net.Tensors, to)
			bias := make([]float32, to.C)
			for c := range bias {
				bias[c] = float32(rng.NormFloat64()) * to.Scale
			}
			f := integer.FoldBias(from.Scale, []float32{1}, bias)
			conv := integer.NewConv(net, fmt.Sprint("conv", i), i, i+1, networks.Square(3, stride, 1), 0, signs(rng, 9*from.C*to.C), 1, f, false)
			if sign {
				conv.Hi = 2
			}
			net.Layers = append(net.Layers, conv)
		}
		last := net.Tensors[3]
		net.Layers = append(net.Layers, &integer.Linear{Name: "linear", In: 3, Out: 1, Weights: make([]int8, last.Len()), WeightBits: 2,
			Scale: []float32{1}, Bias: []int32{0}})
		const n = 3
		r := newRunner(t, net, 2, n)
		run(t, r, integertest.Pictures(rng, net, n), n)
		for i := range n {
			codes := make([][]uint8, len(net.Tensors))
			for j, tensor := range net.Tensors {
				codes[j] = r.Codes(j, n)[i*tensor.Len():][:tensor.Len()]
			}
			for j, l := range net.Layers[:3] {
				want, _ := reference(net, l, codes)
				if got := codes[j+1]; !slices.Equal(got, want) {
					t.Fatalf("network %d, layer %d of %+v: got codes %v, want %v", trial, j, net.Tensors, got, want)
				} else if slices.Min(got) == slices.Max(got) {
					t.Errorf("network %d, layer %d: all codes are %d", trial, j, got[0])
				}
			}
		}
	}
}

// signs returns n weights of -1 and 1.
func signs(rng *rand.Rand, n int) []int8 {
	w := make([]int8, n)
	for i := range w {
		w[i] = int8(rng.IntN(2)*2 - 1)
	}
	return w
}

// Weights of one bit are -1 and 1; zeros among them, of a dead channel, take two.
func TestOneBit(t *testing.T) {
	for bits, w := range map[int][]int8{1: {1, -1, 1}, 2: {1, 0, -1}} {
		if got := integer.StoredBits(w, 1); got != bits {
			t.Errorf("%v takes %d bits, want %d", w, got, bits)
		}
	}
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 1)
	if err := net.Check(); err != nil {
		t.Fatal(err)
	}
	for _, l := range net.Layers {
		if c, ok := l.(*integer.Conv); ok && c.WeightBits == 1 {
			c.Weights[5] = 0
		}
	}
	if err := net.Check(); err == nil || !strings.Contains(err.Error(), "weight 5 is 0; those of 1 bit are -1 and 1") {
		t.Errorf("error %v", err)
	}
}
