package kernels

import "sync/atomic"

// Piece is how many elements InPieces gives a thread at a time.
const Piece = 1 << 16

// InPieces calls row for pieces, from one element up to another, of n elements on the threads of a pool; a nil one has the
// caller's alone. row returns how far into the piece it stops, or -1, and InPieces at which element the first that stops does.
// What comes after that may be done or not.
func InPieces(p *Pool, n int, row func(from, end int) (stops int)) int {
	if p == nil || n <= Piece {
		return row(0, n)
	}
	var first atomic.Int64
	first.Store(int64(n))
	p.For((n+Piece-1)/Piece, func(_, i int) {
		from := i * Piece
		stops := row(from, min(from+Piece, n))
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
