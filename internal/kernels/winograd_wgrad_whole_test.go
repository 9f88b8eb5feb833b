package kernels

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Sums over the squares of a whole batch are those image by image, bit for bit, from floats and codes, at an offset, with any
// number of threads, and within the bound of the gradient's definition.
func TestWeightGradWhole(t *testing.T) {
	g := Conv{N: 2, H: 7, W: 8, Cin: 256, Cout: 272}.Square(3, 1, 1)
	rng := rand.New(rand.NewPCG(11, 12))
	x, codes, dy := normal(rng, g.InLen()), make([]uint8, g.InLen()), normal(rng, g.OutLen())
	for i := range codes {
		codes[i] = uint8(rng.UintN(16))
	}
	for i, l := range []*WeightGrad{
		{X: Batch(x, g.N), Scale: 1},
		{Codes: Batch(codes, g.N), ZeroPoint: 3, Scale: 0.5},
		{Codes: Batch(codes, g.N), ZeroPoint: 3, Scale: 0.5, Offset: 0.25},
	} {
		l.G, l.DY = g, Batch(dy, g.N)
		if !l.whole() {
			t.Fatalf("%+v is computed image by image", g)
		}
		want := make([]float32, g.WeightLen())
		p := NewPool(1)
		l.DW = want
		l.Begin(p)
		s, sum := &p.scratch[0], normal(rng, l.size)
		l.start(s, sum)
		for n := range g.N {
			l.add(s, sum, n, 0, l.pairs, n+1 == g.N)
		}
		for k := range l.pairs {
			q := l.pair(k)
			l.winogradTotal(q, sum[q.from*l.rows:])
		}
		p.Close()
		for _, threads := range []int{1, 3} {
			p := NewPool(threads)
			l.DW, l.Partial = normal(rng, g.WeightLen()), normal(rng, l.PartialLen())
			l.Run(p)
			if !slices.Equal(bits(l.DW), bits(want)) {
				t.Errorf("source %d, %d threads: other bits than image by image", i, threads)
			}
			p.Close()
		}
		if i == 0 {
			sums := newNaive(len(want))
			products(g, func(out, in, k int) { sums.add(k, x[in], dy[out]) })
			sums.check(t, "weight gradient", g, want)
		}
	}
}
