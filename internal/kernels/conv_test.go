package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestConv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := NewPool(2)
	defer p.Close()
	for _, g := range geometries(rng, 80) {
		x, w, dy := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen())
		y, dx, dw := normal(rng, g.OutLen()), normal(rng, g.InLen()), normal(rng, g.WeightLen())
		wy, wdx, wdw := newNaive(len(y)), newNaive(len(dx)), newNaive(len(dw))
		products(g, func(out, in, k int) {
			wy.add(out, x[in], w[k])
			wdx.add(in, dy[out], w[k])
			wdw.add(k, x[in], dy[out])
		})
		ConvForward(p, g, y, x, w)
		wy.check(t, "forward", g, y)
		ConvInputGrad(p, g, dx, dy, w)
		wdx.check(t, "input gradient", g, dx)
		ConvWeightGrad(p, g, dw, x, dy)
		wdw.check(t, "weight gradient", g, dw)
	}
}

// The bits must not depend on the number of threads.
func TestThreads(t *testing.T) {
	for _, g := range []Conv{
		Conv{N: 21, H: 7, W: 6, Cin: 3, Cout: 20}.Square(3, 2, 1),
		Conv{N: 21, H: 7, W: 6, Cin: 16, Cout: 48}.Square(3, 1, 1),
		Conv{N: 21, H: 13, W: 14, Cin: 64, Cout: 80}.Square(3, 1, 1),
		Conv{N: 21, H: 7, W: 6, Cin: 20, Cout: 20, Groups: 20}.Square(3, 2, 1),
		Conv{N: 21, H: 7, W: 6, Cin: 8, Cout: 12, Groups: 4}.Square(3, 1, 1),
	} {
		testThreads(t, g)
	}
}

func testThreads(t *testing.T, g Conv) {
	rng := rand.New(rand.NewPCG(5, 6))
	x, w, dy, shift := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen()), make([]float32, g.Cin)
	var want []uint32
	for _, threads := range []int{1, 2, 5} {
		p := NewPool(threads)
		y, dx, dw := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
		ConvForward(p, g, y, x, w)
		ConvInputGrad(p, g, dx, dy, w)
		ConvWeightGrad(p, g, dw, x, dy)
		ds := QuantizeGrad(p, g.N, slices.Clone(x), x, x, Uniform{Scale: 0.3, Qp: 7})
		sum, squares := make([]float64, g.Cin), make([]float64, g.Cin)
		ChannelMoments(p, g.N, sum, squares, x, shift)
		p.Close()
		got := bits(slices.Concat(y, dx, dw, []float32{float32(ds), float32(sum[0]), float32(squares[2])}))
		if want != nil && !slices.Equal(got, want) {
			t.Errorf("%d threads change the bits", threads)
		}
		want = got
	}
}

// The weight gradient of large kernels is computed by groups of channels.
func TestWeightGradGroups(t *testing.T) {
	g := Conv{N: 2, H: 2, W: 1, Cin: 512, Cout: 272}.Square(3, 1, 1)
	if g.WeightLen()*2 <= gradFloats {
		t.Fatal("the kernel is too small for this test")
	}
	rng := rand.New(rand.NewPCG(7, 8))
	x, dy, dw := normal(rng, g.InLen()), normal(rng, g.OutLen()), make([]float32, g.WeightLen())
	want := newNaive(len(dw))
	products(g, func(out, in, k int) { want.add(k, x[in], dy[out]) })
	p := NewPool(2)
	defer p.Close()
	ConvWeightGrad(p, g, dw, x, dy)
	want.check(t, "weight gradient", g, dw)
}

func bits(s []float32) []uint32 {
	b := make([]uint32, len(s))
	for i, v := range s {
		b[i] = math.Float32bits(v)
	}
	return b
}

func TestShortSlicePanics(t *testing.T) {
	g := Conv{N: 1, H: 8, W: 8, Cin: 16, Cout: 16}.Square(3, 1, 1)
	p := NewPool(1)
	defer p.Close()
	ok, short := make([]float32, 16*16*9), make([]float32, 100)
	for name, f := range map[string]func(){
		"y":  func() { ConvForward(p, g, short, ok, ok) },
		"x":  func() { ConvForward(p, g, ok, short, ok) },
		"w":  func() { ConvForward(p, g, ok, ok, short) },
		"dw": func() { ConvWeightGrad(p, g, short, ok, ok) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("short %s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestCheck(t *testing.T) {
	good := Conv{N: 1, H: 2, W: 2, Cin: 1, Cout: 1}.Square(3, 1, 1)
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(g *Conv){
		func(g *Conv) { g.Pad.Left = 3 }, func(g *Conv) { g.Pad.Bottom = 3 }, func(g *Conv) { g.Pad = Border{} }, func(g *Conv) { g.Stride.W = 0 },
		func(g *Conv) { g.Groups = 2 }, func(g *Conv) { g.Groups = -1 }, func(g *Conv) { g.Kernel.H = 0 },
		func(g *Conv) { g.Cin = 0 }, func(g *Conv) { g.N = -1 },
	} {
		g := good
		change(&g)
		if g.Check() == nil {
			t.Errorf("%+v passes", g)
		}
	}
}
