package kernels

import (
	"slices"
	"testing"
	"unsafe"
)

// The kernels fetch every line of the picture that comes next, what is needed soon first, and nothing else.
func TestAheadFetchesThePicture(t *testing.T) {
	const n, next = 5, 3
	floats, codes, block := make([]float32, n*333), make([]uint8, n*70), make([]uint8, 500)
	memory := []Memory{MemoryOf(floats, n), MemoryOf(codes, n)}
	if memory[0].Each != 4*333 || memory[1].Each != 70 {
		t.Fatalf("pictures of %d and %d bytes, wanted 1332 and 70", memory[0].Each, memory[1].Each)
	}
	for _, steps := range []int{1, 2, 7, 20, 21, 22, 100, 5000} {
		a := ahead{}
		a.aim(memory, next)
		a.need(Memory{}, MemoryOf(block, 1))
		for _, want := range []struct {
			base *byte
			size int
		}{{&block[0], 500}, {(*byte)(unsafe.Pointer(&floats[next*333])), 4 * 333}, {&codes[next*70], 70}} {
			to := uintptr(unsafe.Pointer(want.base))
			end := to + uintptr(want.size)
			for to < end {
				f := a.take(steps)
				at := uintptr(unsafe.Pointer(f.at))
				if at != to || f.step > lineBytes || f.step < 0 {
					t.Fatalf("%d steps: fetches from %#x on in steps of %d, wanted from %#x", steps, at, f.step, to)
				}
				if last := at + uintptr((steps-1)*f.step); last >= end {
					t.Fatalf("%d steps: the last is at %#x of memory up to %#x", steps, last, end)
				} else if to = last + lineBytes; steps > want.size { // less than a byte a step
					to = end
				}
				if to+lineBytes > end && to < end && f.step < lineBytes { // less than a line is left out
					to = end
				}
			}
		}
		if f := a.take(steps); f.step != 0 || f.at != &nowhere[0] {
			t.Errorf("fetches %v when all is there", f)
		}
	}
	// More than a cache holds is not fetched.
	a := ahead{}
	a.aim([]Memory{MemoryOf(make([]uint8, 2*(aheadBytes+64)), 2)}, 1)
	if f := a.take(1); f.step != 0 {
		t.Errorf("fetches %v", f)
	}
}

// While some rows of a weight gradient are summed, what the next rows read is fetched: to the end of the picture, then the
// start of the next one.
func TestWeightGradNeedsTheNextRows(t *testing.T) {
	g := Conv{N: 2, H: 71, W: 35, Cin: 16, Cout: 64}.Square(1, 2, 0)
	x, codes, dy := make([]float32, g.InLen()), make([]uint8, g.InLen()), make([]float32, g.OutLen())
	inRow, outRow := g.W*g.Cin, g.OutW()*g.Cout
	floats := &WeightGrad{G: g, X: Batch(x, g.N), DY: Batch(dy, g.N)}
	quantized := &WeightGrad{G: g, Codes: Batch(codes, g.N), DY: Batch(dy, g.N)}
	local := &WeightGrad{G: g, X: Pictures[float32]{Data: x, Each: len(x) / 2, Local: true}, DY: Batch(dy, g.N)}
	at := func(m Memory, base unsafe.Pointer) [2]int {
		return [2]int{int(uintptr(unsafe.Pointer(m.Base)) - uintptr(base)), m.Each}
	}
	for _, tt := range []struct {
		n, from     int
		last        bool
		in, out     int // first row of each that is fetched
		inN, outN   int // how many
		nothingMore bool
	}{
		{n: 0, from: 10, in: 20, out: 10, inN: 20, outN: 10},
		{n: 1, from: 30, in: 71 + 60, out: 36 + 30, inN: 11, outN: 6},
		{n: 0, from: 36, in: 71, out: 36, inN: 20, outN: 10},
		{n: 1, from: 36, last: true, nothingMore: true},
	} {
		for _, l := range []*WeightGrad{floats, quantized, local} {
			s := &Scratch{}
			l.need(s, tt.n, tt.from, 10, tt.last)
			var got, want [][2]int
			for i, m := range s.ahead.soon {
				bases := []unsafe.Pointer{unsafe.Pointer(&dy[0]), unsafe.Pointer(&x[0])}
				if l == quantized {
					bases[1] = unsafe.Pointer(&codes[0])
				}
				got = append(got, at(m, bases[i]))
			}
			if !tt.nothingMore {
				want = append(want, [2]int{4 * tt.out * outRow, 4 * tt.outN * outRow})
			}
			switch {
			case tt.nothingMore || l == local:
			case l == quantized:
				want = append(want, [2]int{tt.in * inRow, tt.inN * inRow})
			default:
				want = append(want, [2]int{4 * tt.in * inRow, 4 * tt.inN * inRow})
			}
			if !slices.Equal(got, want) {
				t.Errorf("after row %d of picture %d: offsets and sizes %v, wanted %v", tt.from, tt.n, got, want)
			}
		}
	}
}

// Workers never aim beyond the batch, and stay in their piece while they can.
func TestAfter(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	f := &p.fused
	f.n, f.pieces = 10, 5
	p.next.Store(2)
	for _, tt := range []struct{ n, end, want int }{{0, 2, 1}, {1, 2, firstOf(3, 5, 10)}} {
		if got := f.after(tt.n, tt.end); got != tt.want {
			t.Errorf("after picture %d of a piece up to %d comes %d, wanted %d", tt.n, tt.end, got, tt.want)
		}
	}
	p.next.Store(4)
	if got := f.after(1, 2); got < f.n {
		t.Errorf("aims at %d when no piece is left", got)
	}
}
