package kernels

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var benchMacs = flag.Int64("macs", 60e6, "multiply-accumulates of a batch in BenchmarkZoo, about")

// zoo is layers of MobileNet-V1 and -V2, DS-CNN, ResNet-50 and AlexNet.
var zoo = []Conv{
	Conv{H: 112, W: 112, Cin: 32, Cout: 32, Groups: 32}.Square(3, 1, 1),
	Conv{H: 56, W: 56, Cin: 144, Cout: 144, Groups: 144}.Square(3, 2, 1),
	Conv{H: 14, W: 14, Cin: 512, Cout: 512, Groups: 512}.Square(3, 1, 1),
	Conv{H: 7, W: 7, Cin: 960, Cout: 960, Groups: 960}.Square(3, 1, 1),
	Conv{H: 25, W: 5, Cin: 64, Cout: 64, Groups: 64}.Square(3, 1, 1),
	Conv{H: 48, W: 48, Cin: 8, Cout: 8, Groups: 8}.Square(3, 1, 1),
	Conv{H: 24, W: 24, Cin: 40, Cout: 40, Groups: 40}.Square(3, 1, 1),
	Conv{H: 28, W: 28, Cin: 240, Cout: 240, Groups: 240}.Square(5, 1, 2),
	Conv{H: 28, W: 28, Cin: 240, Cout: 240, Groups: 240}.Square(5, 2, 2),
	Conv{H: 56, W: 56, Cin: 24, Cout: 144}.Square(1, 1, 0),
	Conv{H: 56, W: 56, Cin: 144, Cout: 24}.Square(1, 1, 0),
	Conv{H: 14, W: 14, Cin: 512, Cout: 512}.Square(1, 1, 0),
	Conv{H: 7, W: 7, Cin: 320, Cout: 1280}.Square(1, 1, 0),
	Conv{H: 56, W: 56, Cin: 256, Cout: 64}.Square(1, 1, 0),
	Conv{H: 7, W: 7, Cin: 512, Cout: 2048}.Square(1, 1, 0),
	Conv{H: 48, W: 48, Cin: 8, Cout: 16}.Square(1, 1, 0),
	Conv{H: 224, W: 224, Cin: 3, Cout: 64}.Square(7, 2, 3),
	Conv{H: 224, W: 224, Cin: 3, Cout: 64}.Square(11, 4, 2),
	Conv{H: 49, W: 10, Cin: 1, Cout: 64, Kernel: Size{10, 4}, Stride: Size{2, 2}, Pad: Border{4, 1, 5, 1}},
	Conv{H: 28, W: 28, Cin: 128, Cout: 128, Groups: 32}.Square(3, 1, 1),
	Conv{H: 27, W: 27, Cin: 96, Cout: 256, Groups: 2}.Square(5, 1, 2),
}

// BenchmarkZoo is BenchmarkConv for these layers, with the bytes that go through memory: input and output once.
func BenchmarkZoo(b *testing.B) {
	for _, g := range zoo {
		g.N = 1
		g.N = max(1, int(*benchMacs/g.MACs()))
		if g.depthwise() {
			g.N = max(1, 16<<20/4/(g.InLen()+g.OutLen())) // more than a second-level cache has
		}
		benchPasses(b, g, fmt.Sprintf("%dx%dx%d-%d/g%dk%ds%d", g.H, g.W, g.Cin, g.Cout, g.Groups, g.Kernel.H, g.Stride.H))
	}
}

// BenchmarkMemory copies floats that exceed the caches.
func BenchmarkMemory(b *testing.B) {
	x, y := normal(rand.New(rand.NewPCG(1, 1)), 16<<20), make([]float32, 16<<20)
	b.ReportMetric(8*float64(len(x))/bestTime(b, func() { copy(y, x) }), "GB/s")
}
