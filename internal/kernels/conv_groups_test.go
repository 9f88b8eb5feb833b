package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A group has the bits of a dense convolution of its channels, and a depthwise convolution those of its channels one by one.
func TestGroupsAreDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	p := NewPool(2)
	defer p.Close()
	for _, g := range []Conv{
		Conv{N: 3, H: 9, W: 8, Cin: 32, Cout: 64, Groups: 2}.Square(3, 1, 1),
		Conv{N: 2, H: 9, W: 8, Cin: 6, Cout: 9, Groups: 3}.Square(5, 2, 2),
		Conv{N: 2, H: 9, W: 8, Cin: 5, Cout: 5, Groups: 5}.Square(3, 2, 1),
		Conv{N: 2, H: 5, W: 4, Cin: 512, Cout: 512, Groups: 2}.Square(3, 1, 1), // fewer sums than pieces
	} {
		x, w, dy := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen())
		y, dx, dw := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
		ConvForward(p, g, y, x, w)
		ConvInputGrad(p, g, dx, dy, w)
		ConvWeightGrad(p, g, dw, x, dy)
		one := g.group()
		for i := range g.Groups {
			part := func(s []float32, channels int) []float32 {
				d := make([]float32, len(s)/g.Groups)
				GatherChannels(d, s, channels, i*channels/g.Groups, channels/g.Groups)
				return d
			}
			px, pw, pdy := part(x, g.Cin), part(w, g.Cout), part(dy, g.Cout)
			wy, wdx, wdw := make([]float32, len(pdy)), make([]float32, len(px)), make([]float32, len(pw))
			ConvForward(p, one, wy, px, pw)
			ConvInputGrad(p, one, wdx, pdy, pw)
			ConvWeightGrad(p, one, wdw, px, pdy)
			if !slices.Equal(wy, part(y, g.Cout)) || !slices.Equal(wdx, part(dx, g.Cin)) || !slices.Equal(wdw, part(dw, g.Cout)) {
				t.Errorf("%+v: group %d differs", g, i)
			}
		}
	}
}

// After the first step, training and evaluation allocate nothing.
func TestGroupsDoNotAllocate(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := NewPool(2)
	defer p.Close()
	for _, g := range []Conv{
		Conv{N: 4, H: 5, W: 6, Cin: 24, Cout: 24, Groups: 24}.Square(3, 2, 1),
		Conv{N: 4, H: 5, W: 6, Cin: 8, Cout: 12, Groups: 4}.Square(3, 1, 1),
	} {
		x, w, y := Batch(normal(rng, g.InLen()), g.N), normal(rng, g.WeightLen()), Batch(normal(rng, g.OutLen()), g.N)
		codes, ints := squareOperands(rng, g, 255, 8, false)
		packed := &IntWeights{}
		grad := &WeightGrad{G: g, DW: slices.Clone(w), X: x, DY: y, Scale: 1}
		loops := []Loop{&Forward{G: g, X: x, Y: y, W: w}, &InputGrad{G: g, DX: x, DY: y, W: w}, grad,
			&IntForward{Weights: packed, Codes: Batch(codes, g.N), Y: y, Scale: make([]float32, g.Cout)}}
		step := func() {
			packed = PackIntWeights(packed, g, ints, 255)
			p.Run(g.N, loops...)
		}
		step()
		if n := testing.AllocsPerRun(20, step); n > 0 {
			t.Errorf("%+v: a step allocates %g times", g, n)
		}
	}
}

// Codes are computed from the sums, in strips of a picture.
func TestGroupsRequantize(t *testing.T) {
	rng := rand.New(rand.NewPCG(45, 46))
	p := NewPool(2)
	defer p.Close()
	for _, g := range []Conv{
		Conv{N: 2, H: 40, W: 50, Cin: 48, Cout: 48, Groups: 48}.Square(3, 1, 1),
		Conv{N: 2, H: 7, W: 9, Cin: 40, Cout: 40, Groups: 40}.Square(5, 2, 2),
		Conv{N: 2, H: 7, W: 9, Cin: 16, Cout: 64, Groups: 4}.Square(3, 1, 1),
	} {
		codes, w := squareOperands(rng, g, 255, 8, true)
		packed := PackIntWeights(nil, g, w, 255)
		bias := make([]int32, g.Cout)
		for c := range bias {
			bias[c] = int32(rng.Uint32()) >> rng.IntN(32)
		}
		sums := make([]int32, g.OutLen())
		ConvInt(p, packed, g.N, codes, 9, bias, func(_, n int, acc []int32) { copy(sums[n*len(acc):], acc) })
		q := Requantization{Y: Batch(make([]uint8, g.OutLen()), g.N), Multiplier: normal(rng, g.Cout), ZeroPoint: 3, Lo: 3, Hi: 250}
		for c := range q.Multiplier {
			q.Multiplier[c] /= 1000
		}
		p.Run(g.N, &IntForward{Weights: packed, Codes: Batch(codes, g.N), ZeroPoint: 9, Bias: bias, Requant: q})
		want := make([]uint8, g.OutLen())
		Requantize(want, sums, q.Multiplier, q.ZeroPoint, q.Lo, q.Hi)
		if !slices.Equal(q.Y.Data, want) {
			t.Errorf("%+v: codes differ from the sums'", g)
		}
	}
}

// Sums of large kernels, which float32 does not hold, are exact.
func TestDepthLimit(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	for _, size := range []int{22, 23, 30} {
		g := Conv{N: 1, H: size, W: size, Cin: 3, Cout: 3, Groups: 3}.Square(size, 1, 0)
		codes, w := make([]uint8, g.InLen()), make([]int8, g.WeightLen())
		fill(codes, 255)
		fill(w, 127)
		ConvInt(p, PackIntWeights(nil, g, w, 255), 1, codes, 0, []int32{1, 0, -1}, func(_, _ int, acc []int32) {
			for c, v := range acc {
				if want := int32(size*size*255*127 + 1 - c); v != want {
					t.Errorf("kernel of %d, channel %d: %d, want %d", size, c, v, want)
				}
			}
		})
	}
}
