//go:build !noasm

package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomCodes are weights between -8 and 7.
func randomCodes(rng *rand.Rand, n int) []int8 {
	w := make([]int8, n)
	for i := range w {
		w[i] = int8(rng.IntN(16) - 8)
	}
	return w
}

// Threads pack integer weights as one does, whatever was packed before.
func TestPackOnThreads(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	rng := rand.New(rand.NewPCG(51, 52))
	onPaths(t, func(t *testing.T, _ func(func())) {
		var packed *IntWeights
		for _, g := range []Conv{
			Conv{H: 6, W: 6, Cin: 64, Cout: 200}.Square(3, 2, 1), Conv{H: 6, W: 6, Cin: 7, Cout: 70}.Square(3, 1, 1), Conv{H: 6, W: 6, Cin: 6, Cout: 65}.Square(1, 1, 0),
		} {
			w := randomCodes(rng, g.WeightLen())
			packed = PackIntWeightsOn(p, packed, g, w, 15)
			want := PackIntWeights(nil, g, w, 15)
			if !slices.Equal(packed.bytes, want.bytes) || packed.group == 2 && !slices.Equal(packed.words, want.words) || !slices.Equal(packed.sum, want.sum) {
				t.Errorf("%+v: threads pack other weights than one", g)
			}
		}
	})
}

// Codes give the input gradient of the weights that they stand for, with one scale and with one for each channel.
func TestInputGradOfCodes(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	rng := rand.New(rand.NewPCG(53, 54))
	for _, g := range []Conv{
		Conv{N: 2, H: 6, W: 5, Cin: 16, Cout: 32}.Square(3, 1, 1), Conv{N: 2, H: 6, W: 5, Cin: 20, Cout: 24}.Square(3, 2, 1), Conv{N: 2, H: 6, W: 5, Cin: 9, Cout: 33}.Square(1, 1, 0),
		Conv{N: 2, H: 6, W: 5, Cin: 16, Cout: 16, Groups: 16}.Square(3, 1, 1), Conv{N: 2, H: 6, W: 5, Cin: 12, Cout: 8, Groups: 4}.Square(3, 1, 1),
	} {
		for _, scales := range []int{1, g.Cout} {
			codes, w, scale := randomCodes(rng, g.WeightLen()), make([]float32, g.WeightLen()), normal(rng, scales)
			for i, c := range codes {
				w[i] = float32(c) * scale[i%g.Cout%scales]
			}
			dy, dx, want := normal(rng, g.OutLen()), make([]float32, g.InLen()), make([]float32, g.InLen())
			ConvInputGrad(p, g, want, dy, w)
			(&InputGrad{G: g, DX: Batch(dx, g.N), DY: Batch(dy, g.N), Codes: codes, Scale: scale}).Run(p)
			if !slices.Equal(bits(dx), bits(want)) {
				t.Errorf("%+v, %d scales: codes give another gradient than their weights", g, scales)
			}
		}
	}
}

// Pictures that share the way over large weights have the gradients that each has alone.
func TestPicturesTogether(t *testing.T) {
	for _, g := range []Conv{
		Conv{N: 9, H: 7, W: 5, Cin: 192, Cout: 208}.Square(3, 1, 1),
		Conv{N: 9, H: 13, W: 14, Cin: 112, Cout: 144}.Square(3, 1, 1),
	} {
		rng := rand.New(rand.NewPCG(55, 56))
		w, dy := normal(rng, g.WeightLen()), normal(rng, g.OutLen())
		dx, want := make([]float32, g.InLen()), make([]float32, g.InLen())
		l := &InputGrad{G: g, DX: Batch(want, g.N), DY: Batch(dy, g.N), W: w}
		if n := l.Together(); n < 2 {
			t.Fatalf("%d pictures are together; want some", n)
		}
		for _, threads := range []int{1, 2, 3} {
			p := NewPool(threads)
			p.Run(g.N, l)
			ConvInputGrad(p, g, dx, dy, w)
			p.Close()
			if !slices.Equal(bits(dx), bits(want)) {
				t.Errorf("%+v, %d threads: pictures together have another gradient than alone", g, threads)
			}
			clear(dx)
		}
	}
}

// A weight gradient that runs alone is that of its pictures one after the other, in one job a sum.
func TestWeightGradAlone(t *testing.T) {
	for _, g := range []Conv{
		Conv{N: 19, H: 7, W: 6, Cin: 192, Cout: 208}.Square(3, 1, 1),
		Conv{N: 19, H: 12, W: 13, Cin: 112, Cout: 144}.Square(3, 1, 1),
	} {
		rng := rand.New(rand.NewPCG(57, 58))
		x, dy := normal(rng, g.InLen()), normal(rng, g.OutLen())
		dw, want := make([]float32, g.WeightLen()), make([]float32, g.WeightLen())
		for _, threads := range []int{1, 2, 5} {
			p := NewPool(threads)
			l := &WeightGrad{G: g, DW: want, X: Batch(x, g.N), DY: Batch(dy, g.N), Scale: 0.3}
			if n := l.Sums(); n < 2 || n == Pieces(g.N) {
				t.Fatalf("%d sums; want some, and fewer than pieces", n)
			}
			l.Begin(p)
			for piece := range l.sums {
				alone{l, 1}.run(&p.scratch[0], piece, 0)
			}
			l.End(p)
			l.DW = dw
			for range 2 { // what is there from a run before makes no difference
				l.Run(p)
				if !slices.Equal(bits(dw), bits(want)) {
					t.Errorf("%+v, %d threads: alone, the gradient is another", g, threads)
				}
			}
			p.Close()
		}
	}
}
