package kernels

import (
	"slices"
	"testing"
)

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

// Loops in strips see each element once, and what earlier ones wrote of it, also through memory that only the strip in work
// has; others see whole pictures between them. Large pieces run first.
func TestStrips(t *testing.T) {
	const n, pixels, channels = 37, 100, 3
	const each = pixels * channels
	cut := StripsOf(pixels, channels, 100)
	if want := (Strips{each, 96}); cut != want || StripsOf(pixels, channels, 0) != (Strips{}) {
		t.Fatalf("strips are %+v, want %+v, and none of about what a picture has", cut, want)
	}
	p := NewPool(1)
	defer p.Close()
	x, y := make([]float32, n*each), make([]float32, n*each)
	for i := range x {
		x[i] = float32(i)
	}
	X, Y, local := Batch(x, n), Batch(y, n), Pictures[float32]{Data: make([]float32, cut.Each), Each: cut.Each, Local: true}
	var seen []int // elements of Y in each call
	var pieces []int
	p.RunFetching(n, nil, []Strips{cut, cut, {}, cut},
		&Each{Do: func(s *Scratch, n int) { AddRow(local.At(s, n), X.At(s, n), X.At(s, n)) }},
		&Each{Do: func(s *Scratch, n int) {
			AddRow(Y.At(s, n), local.At(s, n), X.At(s, n))
			seen = append(seen, len(Y.At(s, n)))
		}},
		&inPieces{do: func(s *Scratch, piece, n int) {
			pieces = append(pieces, piece)
			if len(X.At(s, n)) != each {
				t.Errorf("a loop without strips sees %d elements", len(X.At(s, n)))
			}
		}},
		&Each{Do: func(s *Scratch, n int) { AddRow(Y.At(s, n), Y.At(s, n), X.At(s, n)) }})
	for i, v := range y {
		if v != 4*float32(i) {
			t.Fatalf("y[%d] is %g", i, v)
		}
	}
	if want := []int{96, 96, 96, 12}; !slices.Equal(seen[:4], want) || len(seen) != n*len(want) {
		t.Errorf("%d strips, the first of %d elements; want %d a picture of %d", len(seen), seen[:4], len(want), want)
	}
	sizes := make([]int, 5)
	for _, piece := range pieces {
		sizes[piece]++
	}
	if order := slices.Compact(pieces); len(order) != 5 || !slices.IsSortedFunc(order, func(a, b int) int { return sizes[b] - sizes[a] }) {
		t.Errorf("pieces %d of %d pictures run in this order", order, sizes)
	}
}

// inPieces is a loop that cuts a batch into five.
type inPieces struct {
	do func(s *Scratch, piece, n int)
}

func (*inPieces) Begin(*Pool)                        {}
func (*inPieces) End(*Pool)                          {}
func (*inPieces) Cut(int) int                        { return 5 }
func (l *inPieces) Picture(s *Scratch, piece, n int) { l.do(s, piece, n) }

// Loops that run in groups see all pictures once, and what earlier ones wrote for each picture of a group; so do those whose
// groups are larger than before, of all the smaller ones.
func TestGroups(t *testing.T) {
	const each = 3
	for _, threads := range []int{1, 3} {
		p := NewPool(threads)
		for n := range 40 {
			for _, group := range [][]int{{1, 1, 1}, {2, 2, 2}, {4, 4, 4}, {7, 7, 7}, {1, 1, 4}, {1, 2, 4}, {2, 3, 7}, {1, 5, 5}} {
				x, y := make([]float32, n*each), make([]float32, n*each)
				for i := range x {
					x[i] = float32(i)
				}
				local := func(group int) *Pictures[float32] {
					return &Pictures[float32]{Data: make([]float32, threads*group*each), Each: each, Local: true, Group: group}
				}
				X, Y, first, second := Batch(x, n), Batch(y, n), local(group[1]), local(group[2])
				most, waiting := make([][2]int, threads), make([][2]int, threads)
				count := func(s *Scratch, i, by int) {
					w, m := &waiting[s.Worker()], &most[s.Worker()]
					w[i] += by
					m[i] = max(m[i], w[i])
				}
				p.RunGroups(n, group,
					&Each{Do: func(s *Scratch, n int) {
						AddRow(first.At(s, n), X.At(s, n), X.At(s, n))
						count(s, 0, 1)
					}},
					&Each{Do: func(s *Scratch, n int) {
						AddRow(second.At(s, n), first.At(s, n), X.At(s, n))
						count(s, 0, -1)
						count(s, 1, 1)
					}},
					&Each{Do: func(s *Scratch, n int) {
						AddRow(Y.At(s, n), Y.At(s, n), second.At(s, n))
						count(s, 1, -1)
					}})
				for i, v := range y {
					if v != 3*float32(i) {
						t.Fatalf("%d threads, groups of %d: y[%d] of %d is %g", threads, group, i, len(y), v)
					}
				}
				if want := [2]int{group[1], group[2]}; threads == 1 && n >= group[2] && most[0] != want {
					t.Errorf("%d pictures in groups of %d: at most %d ran together", n, group, most[0])
				}
			}
		}
		p.Close()
	}
}

func TestCutGroups(t *testing.T) {
	for _, c := range []struct {
		n, group, threads int
		want              []int
	}{
		{0, 4, 2, []int{0}}, {1, 4, 2, []int{0, 1}}, {8, 4, 2, []int{0, 4, 8}}, {5, 4, 3, []int{0, 2, 4, 5}}, {9, 4, 1, []int{0, 4, 8, 9}},
		{9, 4, 2, []int{0, 4, 7, 8, 9}}, {16, 4, 2, []int{0, 4, 8, 12, 14, 15, 16}}, {3, 1, 2, []int{0, 1, 2, 3}},
	} {
		if got := cutGroups(nil, c.n, c.group, c.threads); !slices.Equal(got, c.want) {
			t.Errorf("%d pictures in groups of %d for %d threads start at %v, want %v", c.n, c.group, c.threads, got, c.want)
		}
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
