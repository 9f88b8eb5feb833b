package kernels

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// squareOperands returns codes up to largest and weights of so many bits, or the extremes of both.
func squareOperands(rng *rand.Rand, g Conv, largest uint8, bits int, extreme bool) (codes []uint8, w []int8) {
	codes, w = make([]uint8, g.InLen()), make([]int8, g.WeightLen())
	lo, hi := -1<<(bits-1), 1<<(bits-1)-1
	for i := range codes {
		codes[i] = uint8(rng.IntN(int(largest) + 1))
		if extreme {
			codes[i] = uint8(rng.IntN(2)) * largest
		}
	}
	for i := range w {
		w[i] = int8(lo + rng.IntN(hi-lo+1))
		if extreme {
			w[i] = int8([]int{lo, hi}[rng.IntN(2)])
		}
	}
	return codes, w
}

// Winograd's filtering gives the sums of the direct kernels, whatever kernel the weights and the loop had before: pictures
// that squares do not fill, smaller than one or in several groups, zero points on the border, biases that overflow.
func TestConvSquares(t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 38))
	p := NewPool(2)
	defer p.Close()
	packed := &IntWeights{}
	for i := range 120 {
		g := Conv{N: 1 + rng.IntN(3), H: 1 + rng.IntN(14), W: 1 + rng.IntN(14), Cin: 16 + 16*rng.IntN(4), Cout: 16 + 16*rng.IntN(4)}.Square(3, 1, 1)
		switch i {
		case 0:
			g.H, g.W, g.Cout = 39, 70, 32
		case 1:
			g.H, g.W, g.Cin, g.Cout = 18, 17, 112, 112
		}
		largest := uint8(1<<(1+rng.IntN(8)) - 1)
		codes, w := squareOperands(rng, g, largest, 2+rng.IntN(7), i%2 == 0)
		if i%5 == 0 {
			for k := range w {
				w[k] = int8(rng.IntN(2)*2 - 1)
			}
		}
		l := &IntForward{ZeroPoint: uint8(rng.IntN(int(largest) + 1)), Bias: make([]int32, g.Cout), Codes: Batch(codes, g.N)}
		for c := range l.Bias {
			l.Bias[c] = int32(rng.Uint32()) >> rng.IntN(32)
		}
		sums := func() []int32 {
			all := make([]int32, g.OutLen())
			l.Weights, l.Sums = packed, func(_ *Scratch, n int, acc []int32) { copy(all[n*len(acc):], acc) }
			p.Run(g.N, l)
			return all
		}
		var signs []int32
		if largest <= 3 && isBits(w) {
			packed.packSigns(g, w, largest)
			signs = sums()
		}
		packed.packDirect(nil, g, w, largest)
		want := sums()
		if signs != nil && !slices.Equal(signs, want) {
			t.Fatalf("%+v: bits differ behind squares", g)
		}
		packed.packSquares(g, w, largest)
		if i%3 == 0 { // runs add up, whatever they are
			for c := lanes; c < g.Cin; c += lanes {
				if rng.IntN(2) == 0 {
					packed.runs = slices.Insert(packed.runs, len(packed.runs)-1, c)
				}
			}
		}
		if got := sums(); !slices.Equal(got, want) {
			t.Fatalf("%+v, codes up to %d: got %v, want %v", g, largest, got, want)
		}
		q := Requantization{Y: Batch(make([]uint8, g.OutLen()), g.N), Multiplier: normal(rng, g.Cout), ZeroPoint: 3, Lo: 3, Hi: 250}
		for c := range q.Multiplier {
			q.Multiplier[c] /= 100
		}
		l.Sums, l.Requant = nil, q
		p.RunGroups(g.N, []int{1 + rng.IntN(3)}, l)
		wantCodes := make([]uint8, g.OutLen())
		Requantize(wantCodes, want, q.Multiplier, q.ZeroPoint, q.Lo, q.Hi)
		if !slices.Equal(q.Y.Data, wantCodes) {
			t.Fatalf("%+v: codes of %v are %v, want %v", g, want, q.Y.Data, wantCodes)
		}
	}
}

// The largest and the smallest sum that are exact in one run, and those beyond, which take two.
func TestSquaresLimit(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	g := Conv{N: 1, H: 4, W: 4, Cin: 128, Cout: 16}.Square(3, 1, 1)
	const most = (1<<31 - 1) / 64 / 255
	codes, w := make([]uint8, g.InLen()), make([]int8, g.WeightLen())
	fill(codes, 255)
	for _, sign := range []int{1, -1} {
		clear(w)
		left := most
		for i := 3; left > 0; i += g.Cout { // of output 3
			w[i] = int8(sign * min(left, 127))
			left -= min(left, 127)
		}
		packed := &IntWeights{}
		check := func(want int, runs ...int) {
			packed.packSquares(g, w, 255)
			if !slices.Equal(packed.runs, runs) {
				t.Errorf("sum %d: runs to %d, want %d", want, packed.runs, runs)
			}
			ConvInt(p, packed, 1, codes, 0, nil, func(_, _ int, acc []int32) {
				if got := acc[5*g.Cout+3]; got != int32(want) {
					t.Errorf("got %d, want %d", got, want)
				}
			})
		}
		check(sign*most*255, g.Cin)
		w[len(w)-g.Cout+3] = int8(sign)
		check(sign*(most+1)*255, g.Cin-lanes, g.Cin)
	}
}

func TestSquaresAreChosen(t *testing.T) {
	small := Conv{N: 1, H: 8, W: 8, Cin: 16, Cout: 16}.Square(3, 1, 1)
	for name, tt := range map[string]struct {
		change  func(g *Conv)
		bits    int
		squares bool // without VNNI
	}{
		"4 bits":                     {func(g *Conv) {}, 4, true},
		"8 bits":                     {func(g *Conv) {}, 8, true},
		"stride":                     {func(g *Conv) { g.Stride.W = 2 }, 8, false},
		"no padding":                 {func(g *Conv) { g.Pad.Right = 0 }, 8, false},
		"kernel of 1":                {func(g *Conv) { *g = g.Square(1, 1, 0) }, 8, false},
		"3 inputs":                   {func(g *Conv) { g.Cin = 3 }, 8, false},
		"10 outputs":                 {func(g *Conv) { g.Cout = 10 }, 8, false},
		"half empty squares, 4 bits": {func(g *Conv) { g.H, g.W = 9, 9 }, 4, false},
		"half empty squares, 8 bits": {func(g *Conv) { g.H, g.W = 9, 9 }, 8, true},
		"one square":                 {func(g *Conv) { g.H, g.W = 4, 4 }, 8, false},
		"many weights, 4 bits":       {func(g *Conv) { g.Cin, g.Cout = 512, 512 }, 4, true},
	} {
		g := small
		tt.change(&g)
		_, w := squareOperands(rand.New(rand.NewPCG(1, 1)), g, 1, tt.bits, false)
		if got := PackIntWeights(nil, g, w, uint8(1<<tt.bits-1)).squares; got != (tt.squares && addsPairs()) {
			t.Errorf("%s: got squares %v", name, got)
		}
	}
	g := small
	g.Cin = 64
	w := make([]int8, g.WeightLen())
	fill(w, 1)
	if addsPairs() {
		if packed := PackIntWeights(nil, g, w, 2); packed.group != 32 || packed.squares {
			t.Error("signs as codes are not bits")
		}
		if packed := PackIntWeights(nil, g, w, 3); !packed.squares {
			t.Error("weights of -1 and 1 with codes of two bits are not squares")
		}
	}
}

func TestSquaresDoNotAllocate(t *testing.T) {
	g := Conv{N: 4, H: 7, W: 6, Cin: 128, Cout: 32}.Square(3, 1, 1)
	codes, w := squareOperands(rand.New(rand.NewPCG(1, 1)), g, 255, 6, false)
	p, packed := NewPool(2), &IntWeights{}
	defer p.Close()
	loops := []Loop{&IntForward{Weights: packed, Codes: Batch(codes, g.N), ZeroPoint: 1, Y: Batch(make([]float32, g.OutLen()), g.N), Scale: make([]float32, g.Cout)}}
	step := func() {
		packed.packSquares(g, w, 255)
		p.Run(g.N, loops...)
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("a pass allocates %g times", n)
	}
}

// Runs of input channels are as long as their sums allow: with the largest codes and weights, and 16 channels at least.
func TestSquareRuns(t *testing.T) {
	g := Conv{N: 1, H: 8, W: 8, Cin: 512, Cout: 16}.Square(3, 1, 1)
	w := make([]int8, g.WeightLen())
	for sign, runs := range map[int8][]int{-128: {112, 224, 336, 448, 512}, 127: {112, 224, 336, 448, 512}, 25: {512}} {
		fill(w, sign)
		packed := &IntWeights{}
		packed.packSquares(g, w, 255)
		if !slices.Equal(packed.runs, runs) {
			t.Errorf("weights of %d: runs to %d, want %d", sign, packed.runs, runs)
		}
	}
}

// BenchmarkConvSquares compares Winograd's filtering of codes with direct sums on one thread: of codes and weights of 4 bits,
// of 8 and 4, and of 8.
func BenchmarkConvSquares(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := NewPool(1)
	defer p.Close()
	const group = 4
	for _, c := range [][3]int{
		{32, 16, 16}, {16, 32, 32}, {8, 64, 64}, {56, 64, 64}, {28, 128, 128}, {14, 256, 256}, {7, 512, 512},
		{11, 64, 64}, {10, 64, 64}, {9, 64, 64}, {7, 128, 128}, {6, 64, 64}, {5, 64, 64}, {4, 64, 64}, {4, 16, 16}, {8, 512, 512}, {12, 512, 512},
	} {
		g := Conv{N: max(4, 32*64/(c[0]*c[0])), H: c[0], W: c[0], Cin: c[1], Cout: c[2]}.Square(3, 1, 1)
		for _, kind := range []struct {
			name    string
			largest uint8
			weights int
			squares bool
		}{{"4bits", 15, 4, false}, {"8x4bits", 255, 4, false}, {"8bits", 255, 8, false}, {"squares", 255, 7, true}} {
			codes, w := squareOperands(rng, g, kind.largest, kind.weights, false)
			packed := &IntWeights{}
			packed.packDirect(nil, g, w, kind.largest)
			if kind.squares {
				packed.packSquares(g, w, kind.largest)
			}
			b.Run(fmt.Sprintf("%dx%dx%d-%d/%s", g.H, g.W, g.Cin, g.Cout, kind.name), func(b *testing.B) {
				y, mult := make([]uint8, g.OutLen()), make([]float32, g.Cout)
				for b.Loop() { // to codes, as in an integer network
					p.RunGroups(g.N, []int{group}, &IntForward{Weights: packed, Codes: Batch(codes, g.N), Requant: Requantization{
						Y: Batch(y, g.N), Multiplier: mult, Hi: 255}})
				}
				b.ReportMetric(2*float64(g.MACs())*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOP/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
