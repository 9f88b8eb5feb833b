package kernels

import "sync/atomic"

// pieceFloats is how many elements a thread updates at a time.
const pieceFloats = 1 << 16

// InPieces calls row for pieces, from one element up to another, of n elements on the threads of a pool; a nil one has the
// caller's alone. row returns how far into the piece it stops, or -1, and InPieces at which element the first that stops does.
// What comes after that may be done or not.
func InPieces(p *Pool, n int, row func(from, end int) (stops int)) int {
	if p == nil || n <= pieceFloats {
		return row(0, n)
	}
	var first atomic.Int64
	first.Store(int64(n))
	p.For((n+pieceFloats-1)/pieceFloats, func(_, i int) {
		from := i * pieceFloats
		stops := row(from, min(from+pieceFloats, n))
		for at := int64(from + stops); stops >= 0; {
			if now := first.Load(); at >= now || first.CompareAndSwap(now, at) {
				return
			}
		}
	})
	if at := int(first.Load()); at < n {
		return at
	}
	return -1
}
