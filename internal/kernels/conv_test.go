package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// geometries returns random small convolutions, odd sizes and strides that do
// not divide them included.
func geometries(rng *rand.Rand, n int) []Conv {
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	gs := []Conv{{N: 0, H: 3, W: 3, Cin: 2, Cout: 3, K: 3, Stride: 1, Pad: 1}, {N: 2, H: 5, W: 4, Cin: 3, Cout: 16, K: 1, Stride: 3}}
	for len(gs) < n {
		g := Conv{N: 1 + rng.IntN(5), H: 1 + rng.IntN(9), W: 1 + rng.IntN(19), Cin: pick(1, 3, 4, 16, 17, 32),
			Cout: pick(10, 16, 24, 32, 64), K: pick(1, 3, 5), Stride: pick(1, 2)}
		g.Pad = rng.IntN(g.K)
		if g.Check() == nil && g.MACs() < 1<<20 {
			gs = append(gs, g)
		}
	}
	gs = append(gs, Conv{N: 18, H: 4, W: 5, Cin: 3, Cout: 33, K: 3, Stride: 1, Pad: 1},
		Conv{N: 2, H: 4, W: 5, Cin: 256, Cout: 144, K: 1, Stride: 1}, Conv{N: 2, H: 5, W: 4, Cin: 128, Cout: 16, K: 3, Stride: 2, Pad: 1})
	gs = append(gs, Conv{N: 2, H: 71, W: 35, Cin: 16, Cout: 16, K: 1, Stride: 2}, // large enough to be fetched in parts
		Conv{N: 2, H: 67, W: 37, Cin: 16, Cout: 16, K: 3, Stride: 2, Pad: 1})
	for range n / 8 { // those that are computed by Winograd's filtering
		gs = append(gs, Conv{N: 1 + rng.IntN(3), H: 4 + rng.IntN(6), W: 4 + rng.IntN(16), Cin: pick(16, 32), Cout: pick(16, 32, 48, 80), K: 3, Stride: 1, Pad: 1})
	}
	return gs
}

func normal(rng *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(rng.NormFloat64())
	}
	return s
}

// taps calls f(output, input, weight pixel index) for each product of the
// convolution that does not fall on padding.
func taps(g Conv, f func(out, in, tap int)) {
	for n := range g.N {
		for i := range g.OutH() {
			for j := range g.OutW() {
				for r := range g.K {
					for s := range g.K {
						h, w := i*g.Stride+r-g.Pad, j*g.Stride+s-g.Pad
						if h >= 0 && h < g.H && w >= 0 && w < g.W {
							f((n*g.OutH()+i)*g.OutW()+j, (n*g.H+h)*g.W+w, r*g.K+s)
						}
					}
				}
			}
		}
	}
}

// sums holds the naive sum of products in float64 and of their magnitudes.
type naive struct{ sum, mag []float64 }

func newNaive(n int) naive { return naive{make([]float64, n), make([]float64, n)} }

func (s naive) add(i int, x, y float32) {
	v := float64(x) * float64(y)
	s.sum[i] += v
	s.mag[i] += math.Abs(v)
}

// check allows 2^-20 of the sum of magnitudes: a chain of n additions is off by
// at most n*2^-24 of it, and typically by much less.
func (s naive) check(t *testing.T, what string, g Conv, got []float32) {
	t.Helper()
	for i, v := range got {
		if d := math.Abs(float64(v) - s.sum[i]); !(d <= s.mag[i]*0x1p-20) {
			t.Fatalf("%s %+v: element %d = %g, want %g", what, g, i, v, s.sum[i])
		}
	}
}

func TestConv(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := NewPool(2)
	defer p.Close()
	for _, g := range geometries(rng, 80) {
		x, w, dy := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen())
		y, dx, dw := normal(rng, g.OutLen()), normal(rng, g.InLen()), normal(rng, g.WeightLen())
		wy, wdx, wdw := newNaive(len(y)), newNaive(len(dx)), newNaive(len(dw))
		taps(g, func(o, i, t int) {
			for ci := range g.Cin {
				for co := range g.Cout {
					out, in, k := o*g.Cout+co, i*g.Cin+ci, (t*g.Cin+ci)*g.Cout+co
					wy.add(out, x[in], w[k])
					wdx.add(in, dy[out], w[k])
					wdw.add(k, x[in], dy[out])
				}
			}
		})
		ConvForward(p, g, y, x, w)
		wy.check(t, "forward", g, y)
		ConvInputGrad(p, g, dx, dy, w)
		wdx.check(t, "input gradient", g, dx)
		ConvWeightGrad(p, g, dw, x, dy)
		wdw.check(t, "weight gradient", g, dw)
	}
}

func TestConvInt(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := NewPool(2)
	defer p.Close()
	var packed *IntWeights
	for _, g := range geometries(rng, 80) {
		codes, w := make([]uint8, g.InLen()), make([]int8, g.WeightLen())
		largest, most := 1<<(1+rng.IntN(8))-1, 1<<rng.IntN(8)
		zp, extreme := uint8(rng.IntN(largest+1)), rng.IntN(2) == 0
		for i := range codes {
			codes[i] = uint8(rng.IntN(largest + 1))
			if extreme {
				codes[i] = uint8(largest)
			}
		}
		for i := range w {
			w[i] = int8(rng.IntN(2*most) - most)
			if extreme { // of one sign in each channel, so that sums are as large as they get
				w[i] = int8(-most + i%g.Cout%2*(2*most-1))
			}
		}
		bias, scale := make([]int32, g.Cout), normal(rng, g.Cout)
		for c := range bias {
			bias[c] = rng.Int32N(1 << 20)
		}
		dy := normal(rng, g.OutLen())
		want, wdw := make([]int64, g.OutLen()), newNaive(len(w))
		taps(g, func(o, i, t int) {
			for ci := range g.Cin {
				for co := range g.Cout {
					out, q, k := o*g.Cout+co, int(codes[i*g.Cin+ci])-int(zp), (t*g.Cin+ci)*g.Cout+co
					want[out] += int64(q) * int64(w[k])
					wdw.add(k, float32(q)*0.25, dy[out])
				}
			}
		})
		packed = PackIntWeights(packed, g, w, uint8(largest))
		size := g.OutH() * g.OutW() * g.Cout
		ConvInt(p, packed, g.N, codes, zp, bias, func(_, n int, acc []int32) {
			for i, v := range acc {
				if e := want[n*size+i] + int64(bias[i%g.Cout]); int64(v) != e {
					t.Errorf("%+v: picture %d element %d = %d, want %d", g, n, i, v, e)
					return
				}
			}
		})
		y := make([]float32, g.OutLen())
		ConvForwardCodes(p, packed, g.N, y, codes, zp, scale)
		for i, v := range y {
			if e := float32(want[i]) * scale[i%g.Cout]; v != e {
				t.Fatalf("%+v: y[%d] = %g, want %g", g, i, v, e)
			}
		}
		dw := make([]float32, len(w))
		ConvWeightGradCodes(p, g, dw, codes, zp, 0.25, dy)
		wdw.check(t, "weight gradient from codes", g, dw)
		offsets(t, p, g, packed, codes, zp, w, dy)
		if t.Failed() {
			return
		}
	}
}

// offsets tests inputs x = 0.25*(code - zp) - 0.3, padded with zeros.
func offsets(t *testing.T, p *Pool, g Conv, packed *IntWeights, codes []uint8, zp uint8, w []int8, dy []float32) {
	t.Helper()
	x, reals, scale := make([]float32, len(codes)), make([]float32, len(w)), make([]float32, g.Cout)
	for i, q := range codes {
		x[i] = float32(0.25*(float32(q)-float32(zp))) - 0.3
	}
	steps := []float32{0.5, 2}[:1+g.Cout%2]
	for i, v := range w {
		reals[i] = float32(v) * steps[i%g.Cout%len(steps)]
	}
	slopes := make([]float32, len(steps))
	for i, s := range steps {
		slopes[i] = s * -0.3
	}
	for c := range scale {
		scale[c] = 0.25 * steps[c%len(steps)]
	}
	wy, wdw := newNaive(g.OutLen()), newNaive(len(w))
	taps(g, func(o, i, t int) {
		for ci := range g.Cin {
			for co := range g.Cout {
				k := (t*g.Cin+ci)*g.Cout + co
				wy.add(o*g.Cout+co, x[i*g.Cin+ci], reals[k])
				wdw.add(k, x[i*g.Cin+ci], dy[o*g.Cout+co])
			}
		}
	})
	offset, y, dw := make([]float32, g.outImage()), make([]float32, g.OutLen()), make([]float32, len(w))
	ConvOffset(offset, g, w, slopes)
	p.Run(g.N, &IntForward{Weights: packed, Codes: Batch(codes, g.N), ZeroPoint: zp, Y: Batch(y, g.N), Scale: scale, Offset: offset})
	wy.check(t, "forward with an offset", g, y)
	l := &WeightGrad{G: g, DW: dw, Codes: Batch(codes, g.N), ZeroPoint: zp, Scale: 0.25, Offset: -0.3, DY: Batch(dy, g.N)}
	l.Run(p)
	wdw.check(t, "weight gradient with an offset", g, dw)
	ConvWeightGrad(p, g, reals, x, dy) // the same on floats, bit for bit
	if !slices.Equal(dw, reals) {
		t.Errorf("weight gradient with an offset, %+v: not that of floats", g)
	}
}

// The bits must not depend on the number of threads.
func TestThreads(t *testing.T) {
	for _, g := range []Conv{
		{N: 21, H: 7, W: 6, Cin: 3, Cout: 20, K: 3, Stride: 2, Pad: 1},
		{N: 21, H: 7, W: 6, Cin: 16, Cout: 48, K: 3, Stride: 1, Pad: 1},
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
		ds := QuantizeGrad(p, g.N, slices.Clone(x), x, x, Step{Scale: 0.3, Qp: 7})
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
	g := Conv{N: 3, H: 2, W: 2, Cin: 512, Cout: 256, K: 3, Stride: 1, Pad: 1}
	if g.WeightLen()*3 <= gradFloats {
		t.Fatal("the kernel is too small for this test")
	}
	rng := rand.New(rand.NewPCG(7, 8))
	x, dy, dw := normal(rng, g.InLen()), normal(rng, g.OutLen()), make([]float32, g.WeightLen())
	want := newNaive(len(dw))
	taps(g, func(o, i, t int) {
		for ci := range g.Cin {
			for co := range g.Cout {
				want.add((t*g.Cin+ci)*g.Cout+co, x[i*g.Cin+ci], dy[o*g.Cout+co])
			}
		}
	})
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
	g := Conv{N: 1, H: 8, W: 8, Cin: 16, Cout: 16, K: 3, Stride: 1, Pad: 1}
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
	good := Conv{N: 1, H: 2, W: 2, Cin: 1, Cout: 1, K: 3, Stride: 1, Pad: 1}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(g *Conv){
		func(g *Conv) { g.Pad = 3 }, func(g *Conv) { g.Pad = 0 }, func(g *Conv) { g.Stride = 0 },
		func(g *Conv) { g.Cin = 0 }, func(g *Conv) { g.N = -1 },
	} {
		g := good
		change(&g)
		if g.Check() == nil {
			t.Errorf("%+v passes", g)
		}
	}
}
