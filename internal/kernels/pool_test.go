package kernels

import (
	"context"
	"sync/atomic"
	"testing"
)

func TestPool(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		p := NewPool(threads)
		for _, pieces := range []int{0, 1, 2, 100} {
			var seen [100]atomic.Int32
			p.For(pieces, func(worker, i int) {
				if worker < 0 || worker >= p.Threads() {
					t.Errorf("worker %d of %d", worker, p.Threads())
				}
				seen[i].Add(1)
			})
			for i := range seen {
				if n := seen[i].Load(); n != 1 && i < pieces || n != 0 && i >= pieces {
					t.Errorf("%d threads: piece %d of %d ran %d times", threads, i, pieces, n)
				}
			}
		}
		func() {
			defer func() {
				if r := recover(); r != "piece 7" {
					t.Errorf("recovered %v", r)
				}
			}()
			p.For(50, func(_, i int) {
				if i == 7 {
					panic("piece 7")
				}
			})
		}()
		p.Close()
	}
}

// A context that ends stops loops at the picture at hand, and those after it, until it is put aside.
func TestUntil(t *testing.T) {
	for _, threads := range []int{1, 3} {
		p := NewPool(threads)
		ctx, cancel := context.WithCancel(context.Background())
		restore := p.Until(ctx)
		var ran atomic.Int32
		l := &counted{Each: Each{Do: func(_ *Scratch, n int) {
			if ran.Add(1) == 5 {
				cancel()
			}
		}}}
		p.Run(1000, l)
		if n := int(ran.Load()); n < 5 || n > 4+threads || p.Err() != context.Canceled || l.ends != 0 {
			t.Errorf("%d threads: %d pictures, error %v, %d ends", threads, n, p.Err(), l.ends)
		}
		p.For(50, func(int, int) { t.Error("a loop ran after the end") })
		within := p.Until(context.Background())
		if p.Err() != nil {
			t.Errorf("an endless context: error %v", p.Err())
		}
		within()
		if p.Err() == nil {
			t.Error("the context that ended is forgotten")
		}
		restore()
		ran.Store(-1000)
		if p.Run(1000, l); ran.Load() != 0 || p.Err() != nil || l.ends != 1 {
			t.Errorf("%d threads: %d pictures are left, error %v, %d ends", threads, -ran.Load(), p.Err(), l.ends)
		}
		p.Close()
	}
}

// Loops that run in groups end between the loops of a group.
func TestUntilBetweenGroups(t *testing.T) {
	const n, group = 1000, 4
	for _, threads := range []int{1, 3} {
		p := NewPool(threads)
		ctx, cancel := context.WithCancel(context.Background())
		p.Until(ctx)
		var first, second atomic.Int32
		l := &counted{Each: Each{Do: func(*Scratch, int) { second.Add(1) }}}
		p.RunGroups(n, []int{group, group}, &Each{Do: func(*Scratch, int) {
			cancel() // before the second loop has seen any image
			first.Add(1)
		}}, l)
		if f := int(first.Load()); f < group || f > group*threads || second.Load() != 0 || p.Err() != context.Canceled || l.ends != 0 {
			t.Errorf("%d threads: %d images of the first loop, %d of the second, error %v, %d ends", threads, f, second.Load(), p.Err(), l.ends)
		}
		p.Close()
	}
}

// A pool keeps no pointer into memory that it has fetched ahead: it would keep a whole arena alive.
func TestPoolForgets(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	g := Conv{N: 4, H: 8, W: 8, Cin: 16, Cout: 16}.Square(3, 1, 1)
	x, w, y := make([]float32, g.InLen()), make([]float32, g.WeightLen()), make([]float32, g.OutLen())
	p.RunFetching(g.N, []Memory{MemoryOf(x, g.N)}, nil, &Forward{G: g, Y: Batch(y, g.N), X: Batch(x, g.N), W: w})
	(&WeightGrad{G: g, DW: w, X: Batch(x, g.N), DY: Batch(y, g.N), Scale: 1}).Run(p)
	for i := range p.scratch {
		a := &p.scratch[i].ahead
		for _, m := range append(a.ownLeft[:cap(a.ownLeft)], a.ownSoon[:cap(a.ownSoon)]...) {
			if m.Base != nil {
				t.Errorf("worker %d keeps memory", i)
			}
		}
		if a.soon != nil || a.left != nil {
			t.Errorf("worker %d has something to fetch", i)
		}
	}
}

// counted is a loop in eight pieces that counts its ends.
type counted struct {
	Each
	ends int
}

func (c *counted) Cut(int) int { return 8 }
func (c *counted) End(*Pool)   { c.ends++ }

// A training step runs hundreds of kernels; none may allocate in steady state.
func TestAllocations(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	g := Conv{N: 4, H: 5, W: 6, Cin: 3, Cout: 20}.Square(3, 2, 1)
	x, y, w, c := make([]float32, g.InLen()), make([]float32, g.OutLen()), make([]float32, g.WeightLen()), make([]float32, 20)
	codes, iw, f := make([]uint8, g.InLen()), PackIntWeights(nil, g, make([]int8, g.WeightLen()), 255), make([]float64, 20)
	iw8, q := make([]int8, g.WeightLen()), Uniform{Scale: 1, Qp: 7}
	run := func(l ...Loop) func() { return func() { p.Run(g.N, l...) } }
	X, Y, C := Batch(x, g.N), Batch(y, g.N), Batch(codes, g.N)
	Y16, C16, c16, f16 := Batch(y[:g.N*9*16], g.N), Batch(make([]uint8, g.N*9*16), g.N), c[:16], f[:16]
	for name, f := range map[string]func(){
		"Forward":        run(&Forward{G: g, Y: Y, X: X, W: w}),
		"InputGrad":      run(&InputGrad{G: g, DX: X, DY: Y, W: w}),
		"WeightGrad":     run(&WeightGrad{G: g, DW: w, X: X, DY: Y, Scale: 1}, &WeightGrad{G: g, DW: w, Codes: C, DY: Y, Scale: 0.5}),
		"PackIntWeights": func() { PackIntWeights(iw, g, iw8, 255) },
		"IntForward":     run(&IntForward{Weights: iw, Codes: C, Y: Y, Scale: c}),
		"Moments":        run(&Moments{Sum: f, Second: f, X: Y, Shift: c, N: g.N}, &Moments{Sum: f, Second: f, X: Y, DY: Y, Shift: c, N: g.N}),
		"UniformGrad":    run(&UniformGrad{DX: X, X: X, DY: X, Q: q, N: g.N}),
		"UniformSums":    run(&UniformSums{Sum: f16, Dot: f16, Z: Y16, DY: Y16, A: c16, B: c16, Shift: c16, Q: q, N: g.N}),
		"ResidualSums": run(&ResidualSums{Sum: f16, Dot: f16, DX: Y16, Z: Y16, DY: Y16, Stream: C16, A: c16, B: c16, Shift: c16,
			Branch: q, From: q, To: q, N: g.N}),
		"RequantizeGrad": run(&RequantizeGrad{DX: X, DY: X, Stream: C, From: q, To: q, N: g.N}),
		"ReLU":           func() { ReLURow(x, x) },
		"ReLUGrad":       func() { ReLUGradRow(x, x, x) },
		"Add":            func() { AddRow(x, x, x) },
		"Affine":         func() { AffineRow(y, y, c, c) },
		"Affine2":        func() { Affine2Row(y, y, y, c, c, c) },
		"Quantize":       func() { QuantizeRow(codes, x, &q) },
		"Dequantize":     func() { DequantizeRow(x, codes, &q) },
	} {
		f()
		if n := testing.AllocsPerRun(20, f); n > 0 {
			t.Errorf("%s allocates %g times a call", name, n)
		}
	}
}
