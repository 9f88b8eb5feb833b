package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestConvInt(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := NewPool(2)
	defer p.Close()
	var packed *IntWeights
	large := Conv{N: 1, H: 40, W: 41, Cin: 16, Cout: 40}.Square(1, 1, 0) // in strips of sums
	joined := large                                                      // in rows of several
	joined.Cout = 48
	for _, g := range append(geometries(rng, 80), large, joined, joined, joined) {
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
		products(g, func(out, in, k int) {
			q := int(codes[in]) - int(zp)
			want[out] += int64(q) * int64(w[k])
			wdw.add(k, float32(q)*0.25, dy[out])
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
		next := make([]uint8, g.OutLen()+8)
		fill(next, 77) // the last of which no kernel writes
		q := Requantization{Y: Batch(next[:g.OutLen()], g.N), Multiplier: make([]float32, g.Cout), ZeroPoint: float32(rng.IntN(200)), Hi: 255}
		q.Lo = q.ZeroPoint * float32(rng.IntN(2))
		q.Hi -= float32(rng.IntN(int(255 - q.ZeroPoint)))
		for c := range q.Multiplier { // codes within the range, far beyond it, and ties
			q.Multiplier[c] = float32(math.Ldexp(rng.Float64()-0.3, -rng.IntN(30)))
			if rng.IntN(8) == 0 {
				q.Multiplier[c] = []float32{0, 0.5, 0.25, -0.125, 1e5, math.MaxFloat32}[rng.IntN(6)]
			}
		}
		p.Run(g.N, &IntForward{Weights: packed, Codes: Batch(codes, g.N), ZeroPoint: zp, Bias: bias, Requant: q})
		for i, v := range next {
			e := uint8(77)
			if i < g.OutLen() {
				e = q.code(int32(want[i])+bias[i%g.Cout], i%g.Cout)
			}
			if v != e {
				t.Fatalf("%+v: code %d = %d, want %d", g, i, v, e)
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
	products(g, func(out, in, k int) {
		wy.add(out, x[in], reals[k])
		wdw.add(k, x[in], dy[out])
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

// Pairs are added in int16 for as many steps as the largest code allows with these weights, and not one more.
func TestPairSteps(t *testing.T) {
	g := Conv{N: 1, H: 6, W: 5, Cin: 16, Cout: 3}.Square(3, 2, 1)
	for _, c := range []struct {
		weight  int8
		largest uint8
		want    int
	}{{1, 255, 36}, {3, 255, 20}, {64, 255, 1}, {65, 255, 0}, {-64, 255, 1}, {-65, 255, 0}, {8, 15, 36}, {31, 15, 27}, {-128, 127, 1}, {0, 0, 36}} {
		w := make([]int8, g.WeightLen())
		for i := range w {
			w[i] = c.weight
		}
		if got := new(IntWeights).pairSteps(&g, w, c.largest); got != c.want {
			t.Errorf("weights of %d, codes up to %d: %d steps, want %d", c.weight, c.largest, got, c.want)
		}
	}
	// Weights of either sign count for themselves, and in the run that they are in: of the pairs 16 and 17 of output 1, 8 groups on.
	w := make([]int8, g.WeightLen())
	set := func(input int, v int8) { w[input*g.Cout+1] = v }
	for _, c := range []struct {
		inputs []int
		values []int8
		want   int
	}{
		{[]int{0, 4}, []int8{100, 29}, 1},   // groups 0 and 1
		{[]int{0, 4}, []int8{100, -29}, 36}, // of two signs
		{[]int{0, 6}, []int8{100, 29}, 36},  // of an even and an odd pair
		{[]int{4, 8}, []int8{-100, -29}, 2}, // groups 1 and 2
		{[]int{44, 48}, []int8{100, 29}, 6}, // groups 11 and 12, of two rows of taps; runs of 36, 27, 20, 15, 11 and 8 have both
	} {
		clear(w)
		for i, input := range c.inputs {
			set(input, c.values[i])
		}
		if got := new(IntWeights).pairSteps(&g, w, 255); got != c.want {
			t.Errorf("inputs %d with %d: %d steps, want %d", c.inputs, c.values, got, c.want)
		}
	}
}

// Codes that are largest where an output's weights are above 0, or below, give the largest sums in int16.
func TestPairsFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	p := NewPool(1)
	defer p.Close()
	for bits := 2; bits <= 8; bits++ {
		g := Conv{N: 1, H: 2, W: 3, Cin: 4 * (1 + rng.IntN(40)), Cout: 16}.Square(1, 1, 0)
		codes, w := squareOperands(rng, g, 255, bits, false)
		for range 10 {
			o, sign := rng.IntN(g.Cout), int8(1-2*rng.IntN(2))
			for i := range codes {
				codes[i] = 0
				if w[i%g.Cin*g.Cout+o]*sign > 0 {
					codes[i] = 255
				}
			}
			want := int32(0)
			for i := range g.Cin {
				want += int32(codes[i]) * int32(w[i*g.Cout+o])
			}
			ConvInt(p, PackIntWeights(nil, g, w, 255), 1, codes, 0, nil, func(_, _ int, acc []int32) {
				for at := o; at < len(acc); at += g.Cout {
					if acc[at] != want {
						t.Fatalf("weights of %d bits, %d inputs: got %d, want %d", bits, g.Cin, acc[at], want)
					}
				}
			})
		}
	}
}
