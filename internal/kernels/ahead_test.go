package kernels

import (
	"testing"
	"unsafe"
)

// Every line of the picture that comes next is asked for once, and nothing else.
func TestAheadAsksForThePicture(t *testing.T) {
	const n, next = 5, 3
	floats, codes := make([]float32, n*333), make([]uint8, n*70)
	memory := []Memory{MemoryOf(floats, n), MemoryOf(codes, n)}
	if memory[0].Each != 4*333 || memory[1].Each != 70 {
		t.Fatalf("pictures of %d and %d bytes, wanted 1332 and 70", memory[0].Each, memory[1].Each)
	}
	const lines = 21 + 2 // 1332 and 70 bytes in lines of 64
	for _, asksBefore := range []int{0, 7, 1000} {
		a := ahead{asks: asksBefore}
		a.aim(memory, next)
		if want := []*byte{(*byte)(unsafe.Pointer(&floats[next*333])), &codes[next*70]}; a.left[0].Base != want[0] || a.left[1].Base != want[1] {
			t.Errorf("aims at %v, wanted %v", a.left, want)
		}
		asks := 0
		for ; len(a.left) > 0; asks++ { // for one line each, as there are few
			first := unsafe.Add(unsafe.Pointer(&floats[next*333]), asks*lineBytes)
			if asks < 21 && unsafe.Pointer(a.left[0].Base) != first {
				t.Errorf("line %d is at %p, wanted %p", asks, a.left[0].Base, first)
			}
			a.ask()
		}
		if asks != lines {
			t.Errorf("asked for %d lines, wanted %d", asks, lines)
		}
	}
	// More than a cache holds is not asked for.
	a := ahead{}
	a.aim([]Memory{MemoryOf(make([]uint8, 2*(aheadBytes+64)), 2)}, 1)
	if a.ask(); len(a.left) != 0 {
		t.Errorf("asks for %v", a.left)
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
