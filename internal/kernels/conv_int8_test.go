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
	for _, g := range append(geometries(rng, 80), Conv{N: 1, H: 40, W: 41, Cin: 16, Cout: 40}.Square(1, 1, 0)) { // the last in strips of sums
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
