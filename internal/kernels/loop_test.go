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
