package kernels

import "testing"

// Loops that share a walk see what earlier ones wrote for the picture, also
// through memory that only the picture in work has.
func TestFusedLoops(t *testing.T) {
	const n, each = 37, 5
	for _, threads := range []int{1, 3} {
		p := NewPool(threads)
		x, y := make([]float32, n*each), make([]float32, n*each)
		for i := range x {
			x[i] = float32(i)
		}
		local := Pictures[float32]{Data: make([]float32, threads*each), Each: each, Local: true}
		X, Y := Batch(x, n), Batch(y, n)
		began := 0
		p.Run(n,
			&Each{Before: func() { began++ }, Do: func(s *Scratch, n int) { AddRow(local.At(s, n), X.At(s, n), X.At(s, n)) }},
			&Each{Before: func() { began++ }, Do: func(s *Scratch, n int) { AddRow(Y.At(s, n), local.At(s, n), X.At(s, n)) }})
		for i, v := range y {
			if v != 3*float32(i) {
				t.Fatalf("%d threads: y[%d] is %g", threads, i, v)
			}
		}
		if began != 2 {
			t.Errorf("Begin ran %d times", began)
		}
		p.Close()
	}
}

// Loops that run in groups see all pictures once, and what earlier ones wrote for each picture of a group.
func TestGroups(t *testing.T) {
	const each = 3
	for _, threads := range []int{1, 3} {
		p := NewPool(threads)
		for n := range 40 {
			for _, group := range []int{1, 2, 4, 7} {
				x, y := make([]float32, n*each), make([]float32, n*each)
				for i := range x {
					x[i] = float32(i)
				}
				local := Pictures[float32]{Data: make([]float32, threads*group*each), Each: each, Local: true, Group: group}
				X, Y := Batch(x, n), Batch(y, n)
				most, together := make([]int, threads), make([]int, threads)
				p.RunGroups(n, group,
					&Each{Do: func(s *Scratch, n int) {
						AddRow(local.At(s, n), X.At(s, n), X.At(s, n))
						together[s.Worker()]++
						most[s.Worker()] = max(most[s.Worker()], together[s.Worker()])
					}},
					&Each{Do: func(s *Scratch, n int) {
						AddRow(Y.At(s, n), Y.At(s, n), local.At(s, n))
						together[s.Worker()] = 0
					}})
				for i, v := range y {
					if v != 2*float32(i) {
						t.Fatalf("%d threads, groups of %d: y[%d] of %d is %g", threads, group, i, len(y), v)
					}
				}
				if threads == 1 && n >= 2*group && most[0] != group {
					t.Errorf("%d pictures: at most %d of %d ran together", n, most[0], group)
				}
			}
		}
		p.Close()
	}
}

// A piece without a picture would leave its sum as it was before.
func TestPiecesCoverTheBatch(t *testing.T) {
	for n := 1; n < 300; n++ {
		for pieces := 1; pieces <= min(n, maxPieces); pieces++ {
			if first, end := firstOf(0, pieces, n), firstOf(pieces, pieces, n); first != 0 || end != n {
				t.Fatalf("%d pieces of %d pictures run from %d to %d", pieces, n, first, end)
			}
			for i := range pieces {
				size, last := firstOf(i+1, pieces, n)-firstOf(i, pieces, n), n-firstOf(pieces-1, pieces, n)
				if size < 1 || size+1 < last {
					t.Errorf("piece %d of %d has %d of %d pictures, the last %d", i, pieces, size, n, last)
				}
			}
		}
	}
}
