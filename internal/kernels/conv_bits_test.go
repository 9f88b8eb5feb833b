package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// bitOperands returns weights of -1 and 1, and codes of two bits: all of them, or
// only those with the bits of mask.
func bitOperands(rng *rand.Rand, g Conv, mask uint8) (codes []uint8, w []int8) {
	codes, w = make([]uint8, g.InLen()), make([]int8, g.WeightLen())
	for i := range codes {
		codes[i] = uint8(rng.UintN(4)) & mask
	}
	for i := range w {
		w[i] = int8(rng.IntN(2)*2 - 1)
	}
	return codes, w
}

// Bits give the sums of the byte kernels: {0, 1}, {0, 2} as -1 and 1 around zero
// point 1, all codes of two bits, blank pictures; channels that fill no word,
// borders, strides.
func TestConvBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 30))
	p := NewPool(2)
	defer p.Close()
	packed := &IntWeights{}
	for i, g := range geometries(rng, 150) {
		g.Cin, g.Stride, g.Groups = g.Cin+rng.IntN(80), Size{1 + rng.IntN(3), 1 + rng.IntN(3)}, 1
		mask := uint8(i % 4)
		codes, w := bitOperands(rng, g, mask)
		zeroPoint, bias := uint8(rng.UintN(4)), []int32(nil)
		if rng.IntN(2) == 0 {
			bias = make([]int32, g.Cout)
			for c := range bias {
				bias[c] = rng.Int32() >> 8
			}
		}
		sums := func(packed *IntWeights) []int32 {
			all := make([]int32, g.OutLen())
			ConvInt(p, packed, g.N, codes, zeroPoint, bias, func(_, n int, acc []int32) { copy(all[n*len(acc):], acc) })
			return all
		}
		largest := max(mask, uint8(rng.UintN(4)))
		packed.packSigns(g, w, largest)
		want := sums(PackIntWeights(nil, g, w, 255))
		if got := sums(packed); !slices.Equal(got, want) {
			t.Fatalf("%+v, bits %02b of %d, zero point %d: got %v, want %v", g, mask, largest, zeroPoint, got, want)
		}
	}
}

func TestBitsAreChosen(t *testing.T) {
	if bitsFrom(1) > 256 {
		t.Skip("this CPU multiplies bytes faster than it counts bits")
	}
	for _, tt := range []struct {
		cin     int
		largest uint8
		weight  int8 // one of them; the others are -1 or 1
		bits    bool
	}{
		{32, 1, 1, true}, {64, 1, -1, true}, {64, 3, 1, true},
		{16, 1, 1, false}, {16, 3, 1, false}, {64, 4, 1, false}, {64, 1, 0, false}, {64, 1, 2, false},
	} {
		g := Conv{N: 1, H: 8, W: 8, Cin: tt.cin, Cout: 20}.Square(3, 1, 1)
		_, w := bitOperands(rand.New(rand.NewPCG(1, 1)), g, 0)
		w[len(w)-1] = tt.weight
		if got := PackIntWeights(nil, g, w, tt.largest).group == 32; got != tt.bits {
			t.Errorf("%+v: got bits %v", tt, got)
		}
	}
	if wide := (Conv{N: 1, H: 64, W: 1 << 19, Cin: 1, Cout: 1}).Square(64, 1, 63); bitsPay(&wide, 1) {
		t.Error("a wide picture gets a large table")
	}
}

func TestBitsDoNotAllocate(t *testing.T) {
	g := Conv{N: 4, H: 5, W: 6, Cin: 40, Cout: 20}.Square(3, 2, 1)
	codes, w := bitOperands(rand.New(rand.NewPCG(1, 1)), g, 3)
	p, packed := NewPool(2), &IntWeights{}
	defer p.Close()
	packed.packSigns(g, w, 3)
	l := &IntForward{Weights: packed, Codes: Batch(codes, g.N), ZeroPoint: 1, Y: Batch(make([]float32, g.OutLen()), g.N), Scale: make([]float32, g.Cout)}
	loops := []Loop{l}
	step := func() {
		packed.packSigns(g, w, 3)
		p.Run(g.N, loops...)
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("a pass allocates %g times", n)
	}
}

// BenchmarkConvBits compares byte and bit kernels on one thread, for weights of
// -1 and 1: codes of one bit, of two, and -1 and 1 as 0 and 2.
func BenchmarkConvBits(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := NewPool(1)
	defer p.Close()
	for _, k := range []int{3, 1} {
		for _, c := range [][2]int{{16, 16}, {16, 64}, {32, 32}, {48, 48}, {64, 64}, {128, 128}, {256, 16}, {256, 256}, {512, 512}} {
			size := max(7, min(32, 1024/c[0]))
			g := Conv{N: 16, H: size, W: size, Cin: c[0], Cout: c[1]}.Square(k, 1, k/2)
			for _, kind := range []struct {
				name                     string
				mask, largest, zeroPoint uint8
			}{{"bytes", 3, 255, 0}, {"bit", 1, 1, 0}, {"2bits", 3, 3, 0}, {"sign", 2, 3, 1}} {
				codes, w := bitOperands(rng, g, kind.mask)
				packed := PackIntWeights(nil, g, w, kind.largest)
				if kind.largest <= 3 {
					packed.packSigns(g, w, kind.largest)
				}
				b.Run(fmt.Sprintf("%dx%dx%d-%d/k%d/%s", g.H, g.W, g.Cin, g.Cout, k, kind.name), func(b *testing.B) {
					for b.Loop() {
						ConvInt(p, packed, g.N, codes, kind.zeroPoint, nil, func(int, int, []int32) {})
					}
					b.ReportMetric(2*float64(g.MACs())*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOP/s")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}
