package kernels

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var benchBatch = flag.Int("batch", 32, "pictures of a batch in BenchmarkConv")

var peakOnce = sync.OnceValue(func() float64 { return PeakGFLOPS(0.2) })

func TestPeak(t *testing.T) {
	if v := PeakGFLOPS(0.01); v < 0.01 || v > 1000 {
		t.Errorf("%g GFLOP/s a thread", v)
	}
}

// shapes are ResNet-20's layers, then ResNet-18's: stride 1, stride 2, and the shortcuts; and some of ResNet-50's.
var shapes = []Conv{
	Conv{H: 32, W: 32, Cin: 16, Cout: 16}.Square(3, 1, 1),
	Conv{H: 16, W: 16, Cin: 32, Cout: 32}.Square(3, 1, 1),
	Conv{H: 8, W: 8, Cin: 64, Cout: 64}.Square(3, 1, 1),
	Conv{H: 32, W: 32, Cin: 3, Cout: 16}.Square(3, 1, 1),
	Conv{H: 32, W: 32, Cin: 16, Cout: 32}.Square(3, 2, 1),
	Conv{H: 16, W: 16, Cin: 32, Cout: 64}.Square(3, 2, 1),
	Conv{H: 32, W: 32, Cin: 16, Cout: 32}.Square(1, 2, 0),
	Conv{H: 16, W: 16, Cin: 32, Cout: 64}.Square(1, 2, 0),
	Conv{H: 56, W: 56, Cin: 64, Cout: 64}.Square(3, 1, 1),
	Conv{H: 28, W: 28, Cin: 128, Cout: 128}.Square(3, 1, 1),
	Conv{H: 14, W: 14, Cin: 256, Cout: 256}.Square(3, 1, 1),
	Conv{H: 7, W: 7, Cin: 512, Cout: 512}.Square(3, 1, 1),
	Conv{H: 56, W: 56, Cin: 64, Cout: 128}.Square(3, 2, 1),
	Conv{H: 28, W: 28, Cin: 128, Cout: 256}.Square(3, 2, 1),
	Conv{H: 14, W: 14, Cin: 256, Cout: 512}.Square(3, 2, 1),
	Conv{H: 56, W: 56, Cin: 64, Cout: 64}.Square(1, 1, 0),
	Conv{H: 14, W: 14, Cin: 256, Cout: 256}.Square(1, 1, 0),
	Conv{H: 56, W: 56, Cin: 64, Cout: 128}.Square(1, 2, 0),
	Conv{H: 28, W: 28, Cin: 128, Cout: 256}.Square(1, 2, 0),
	Conv{H: 14, W: 14, Cin: 256, Cout: 512}.Square(1, 2, 0),
	Conv{H: 28, W: 28, Cin: 512, Cout: 128}.Square(1, 1, 0), // ResNet-50's
	Conv{H: 14, W: 14, Cin: 256, Cout: 1024}.Square(1, 1, 0),
	Conv{H: 14, W: 14, Cin: 1024, Cout: 256}.Square(1, 1, 0),
	Conv{H: 7, W: 7, Cin: 512, Cout: 2048}.Square(1, 1, 0),
}

// BenchmarkConv runs each pass of a convolution on one thread: GFLOP/s counts
// two operations a multiply-accumulate, padding included, and peak is its share
// of PeakGFLOPS. Winograd's filtering does fewer than it counts, so it can exceed the peak.
func BenchmarkConv(b *testing.B) {
	for _, g := range shapes {
		g.N = *benchBatch
		benchPasses(b, g, fmt.Sprintf("%dx%dx%d-%d/k%ds%d", g.H, g.W, g.Cin, g.Cout, g.Kernel.H, g.Stride.H))
	}
}

// bestTime returns the nanoseconds of the shortest run but for a first one, which finds cold caches and no memory.
func bestTime(b *testing.B, run func()) float64 {
	run()
	best := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		run()
		best = min(best, time.Since(start))
	}
	return float64(best.Nanoseconds())
}

func benchPasses(b *testing.B, g Conv, name string) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := NewPool(1)
	defer p.Close()
	x, w, dy := normal(rng, g.InLen()), normal(rng, g.WeightLen()), normal(rng, g.OutLen())
	y, dx, dw := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w))
	codes, scale := make([]uint8, len(x)), make([]float32, g.Cout)
	for i := range codes {
		codes[i] = uint8(rng.UintN(16))
	}
	packed := func(bits int) *IntWeights {
		ints := make([]int8, len(w))
		for i := range ints {
			ints[i] = int8(rng.IntN(1<<bits) - 1<<(bits-1))
		}
		return PackIntWeights(nil, g, ints, uint8(1<<bits-1))
	}
	w4, w8 := packed(4), packed(8)
	// As in a training, memory of sums and of packed weights is there from the first step on.
	forward := &Forward{G: g, Y: Batch(y, g.N), X: Batch(x, g.N), W: w}
	inputGrad := &InputGrad{G: g, DX: Batch(dx, g.N), DY: Batch(dy, g.N), W: w}
	weightGrad := &WeightGrad{G: g, DW: dw, X: Batch(x, g.N), DY: Batch(dy, g.N), Scale: 1}
	weightGradCodes := &WeightGrad{G: g, DW: dw, Codes: Batch(codes, g.N), DY: Batch(dy, g.N), Scale: 1}
	toCodes := &IntForward{Weights: w8, Codes: Batch(codes, g.N), Requant: Requantization{Y: Batch(make([]uint8, len(y)), g.N), Multiplier: scale, Hi: 15}}
	for _, pass := range []struct {
		name string
		run  func()
	}{
		{"forward", func() { p.Run(g.N, forward) }},
		{"dx", func() { inputGrad.Run(p) }},
		{"dw", func() { weightGrad.Run(p) }},
		{"dwCodes", func() { weightGradCodes.Run(p) }},
		{"int4", func() { ConvForwardCodes(p, w4, g.N, y, codes, 0, scale) }},
		{"int8", func() { ConvForwardCodes(p, w8, g.N, y, codes, 0, scale) }},
		{"int8codes", func() { p.Run(g.N, toCodes) }},
	} {
		b.Run(name+"/"+pass.name, func(b *testing.B) {
			rate := 2 * float64(g.MACs()) / bestTime(b, pass.run)
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(100*rate/peakOnce(), "%peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkMap runs the element-wise passes and reductions on one thread, over
// a batch that exceeds the caches (large) and one that does not (small).
func BenchmarkMap(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := NewPool(1)
	defer p.Close()
	for _, size := range []struct {
		name string
		n    int
	}{{"small", 1}, {"large", 256}} {
		for _, c := range []int{16, 64} {
			length := size.n * 32 * 32 * 16
			x, g, y := normal(rng, length), normal(rng, length), make([]float32, length)
			codes, acc, q := make([]uint8, length), make([]int32, length), Uniform{Scale: 0.3, Qp: 15}
			ch, s, s2 := normal(rng, c), make([]float64, c), make([]float64, c)
			for _, pass := range []struct {
				name  string
				bytes int // an element
				run   func()
			}{
				{"relu", 8, func() { ReLURow(y, x) }},
				{"reluGrad", 12, func() { ReLUGradRow(y, x, g) }},
				{"add", 12, func() { AddRow(y, x, g) }},
				{"affine", 8, func() { AffineRow(y, x, ch, ch) }},
				{"affine2", 12, func() { Affine2Row(y, g, x, ch, ch, ch) }},
				{"moments", 4, func() { ChannelMoments(p, size.n, s, s2, x, ch) }},
				{"gradSums", 8, func() { ChannelGradSums(p, size.n, s, s2, g, x, ch) }},
				{"quantize", 5, func() { QuantizeRow(codes, x, &q) }},
				{"dequantize", 5, func() { DequantizeRow(y, codes, &q) }},
				{"quantizeGrad", 12, func() { QuantizeGrad(p, size.n, y, x, g, q) }},
				{"requantize", 5, func() { Requantize(codes, acc, ch, 0, 0, 15) }},
			} {
				b.Run(fmt.Sprintf("%s/c%d/%s", size.name, c, pass.name), func(b *testing.B) {
					b.SetBytes(int64(length * pass.bytes))
					for b.Loop() {
						pass.run()
					}
				})
			}
		}
	}
}

// BenchmarkFused runs each fused pass over one picture.
func BenchmarkFused(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 3))
	const n = 32 * 32 * 16
	for _, c := range []int{16, 32, 64} {
		z, dy, dx, stream, codes := normal(rng, n), normal(rng, n), make([]float32, n), make([]uint8, n), make([]uint8, n)
		for i := range stream {
			stream[i] = uint8(rng.UintN(16))
		}
		ch, sum, dot := normal(rng, c), make([]float32, c), make([]float32, c)
		var ds, ds2 [lanes]float32
		var table [256]uint8
		branch, q := Uniform{Scale: 0.02, Qn: -128, Qp: 127, ZeroPoint: 128}, Uniform{Scale: 0.3, Qp: 15}
		for _, pass := range []struct {
			name string
			run  func()
		}{
			{"affineQuantize", func() { affineQuantizeRow(codes, z, ch, ch, &q) }},
			{"affineUniformSums", func() { affineUniformSumsRow(sum, dot, &ds, dy, z, ch, ch, ch, &q) }},
			{"affineUniformGrad", func() { affineUniformGradRow(dx, dy, z, ch, ch, ch, ch, ch, &q) }},
			{"residualQuantize", func() { residualQuantizeRow(codes, z, ch, ch, stream, &branch, &q, &q) }},
			{"residualSums", func() { residualSumsRow(dx, sum, dot, &ds, &ds2, dy, z, ch, ch, ch, stream, &branch, &q, &q) }},
			{"mapBytes", func() { MapBytes(codes, stream, &table) }},
			{"requantizeGrad", func() { requantizeGradRow(&ds, dx, stream, dy, &q, &branch) }},
		} {
			b.Run(fmt.Sprintf("c%d/%s", c, pass.name), func(b *testing.B) {
				b.SetBytes(n)
				for b.Loop() {
					pass.run()
				}
			})
		}
	}
}
