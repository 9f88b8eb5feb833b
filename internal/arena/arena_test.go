package arena

import (
	"math/rand/v2"
	"testing"
)

// Buffers that are in use at the same time have places of their own, and the memory ends with the last of them.
func TestPlace(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		buffers := make([]Buffer, 1+rng.IntN(30))
		for i := range buffers {
			first := rng.IntN(20)
			buffers[i] = Buffer{Size: rng.IntN(50), First: first, Last: first + rng.IntN(8)}
		}
		size := Place(buffers)
		end, sum, worst := 0, [30]int{}, 0
		for i, a := range buffers {
			end = max(end, a.Offset+a.Size)
			for at := a.First; at <= a.Last; at++ {
				sum[at] += a.Size
				worst = max(worst, sum[at])
			}
			for _, b := range buffers[:i] {
				if a.First <= b.Last && b.First <= a.Last && a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size {
					t.Fatalf("%+v and %+v overlap", a, b)
				}
			}
		}
		if size != end || size < worst {
			t.Fatalf("size %d; the last buffer ends at %d, and %d are in use at a time", size, end, worst)
		}
	}
}

// A gap that is large enough is used, and what is never in use together shares a place.
func TestPlaceReuses(t *testing.T) {
	buffers := []Buffer{{Size: 4, First: 1, Last: 2}, {Size: 8, First: 0, Last: 1}, {Size: 6, First: 2, Last: 3}, {Size: 2, First: 3, Last: 3}}
	if size := Place(buffers); size != 12 {
		t.Errorf("size %d, want 12: %+v", size, buffers)
	}
	for i, want := range []int{8, 0, 0, 6} {
		if buffers[i].Offset != want {
			t.Errorf("buffer %d is at %d, want %d", i, buffers[i].Offset, want)
		}
	}
}
