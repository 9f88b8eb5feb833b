//go:build !noasm

package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// panelCases are weight gradients in panels: 1x1 over small and large images, with a stride, larger kernels at borders, odd
// numbers of channels.
var panelCases = []Conv{
	Conv{N: 9, H: 7, W: 7, Cin: 256, Cout: 260}.Square(1, 1, 0),
	Conv{N: 2, H: 19, W: 17, Cin: 300, Cout: 224}.Square(1, 1, 0),
	Conv{N: 3, H: 9, W: 8, Cin: 514, Cout: 128}.Square(1, 2, 0),
	Conv{N: 3, H: 9, W: 8, Cin: 97, Cout: 80}.Square(3, 2, 1),
	{N: 2, H: 5, W: 21, Cin: 63, Cout: 144, Kernel: Size{2, 4}, Stride: Size{1, 3}, Pad: Border{1, 3, 0, 2}},
}

// TestWeightGradPanels checks that sums in panels are those of portable code image by image, bit for bit, from floats and codes, at
// an offset, on each path, for all pairs and for some.
func TestWeightGradPanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 7))
	p := NewPool(1)
	defer p.Close()
	for _, g := range panelCases {
		x, codes, dy := normal(rng, g.InLen()), make([]uint8, g.InLen()), normal(rng, g.OutLen())
		for i := range codes {
			codes[i] = uint8(rng.UintN(16))
		}
		for i, l := range []*WeightGrad{
			{X: Batch(x, g.N), Scale: 1},
			{Codes: Batch(codes, g.N), ZeroPoint: 3, Scale: 0.5},
			{Codes: Batch(codes, g.N), ZeroPoint: 3, Scale: 0.5, Offset: 0.25},
		} {
			l.G, l.DW, l.DY = g, make([]float32, g.WeightLen()), Batch(dy, g.N)
			l.Begin(p)
			s, want := &p.scratch[0], make([]float32, l.size)
			saved := level
			level = generic
			for n := range g.N {
				l.add(s, want, n, 0, l.pairs, n+1 == g.N)
			}
			level = saved
			check := func(t *testing.T) {
				if !l.panels() {
					t.Fatalf("%+v has no panels", g)
				}
				got := normal(rng, l.size)
				l.addPanels(s, got, 0, g.N, 0, 1, true, true)
				l.addPanels(s, got, 0, 1, 1, l.pairs, true, false)
				l.addPanels(s, got, 1, g.N, 1, l.pairs, false, true)
				for k := range l.pairs { // channels beyond the last hold anything
					q := l.pair(k)
					for r := range l.rows {
						from, n := q.from*l.rows+r*q.width, q.to-q.from
						same(t, fmt.Sprintf("%+v, source %d, pair %d, row %d", g, i, k, r), got[from:][:n], want[from:][:n])
					}
				}
			}
			onPaths(t, func(t *testing.T, portable func(func())) { check(t) })
			if i == 1 {
				level = generic
				check(t)
				level = saved
			}
		}
	}
}
