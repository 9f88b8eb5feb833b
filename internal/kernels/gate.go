package kernels

import (
	"runtime"
	"sync/atomic"
)

// gate is a count that one goroutine waits for while others raise it. The one that waits looks for a while before it
// parks: to wake a parked thread takes longer than most gaps between the loops of a training step.
type gate struct {
	count  atomic.Int64
	parked atomic.Bool
	wake   chan struct{}
	_      [64]byte // looking must not slow down what lies beside
}

// looks is how often a gate is looked at before its goroutine parks: about a millisecond.
const looks = 1 << 20

// looksAtOnce is how often before others that could run are let go first.
const looksAtOnce = 1 << 9

func newGate() *gate { return &gate{wake: make(chan struct{}, 1)} }

// raise adds 1 to the count.
func (g *gate) raise() {
	g.count.Add(1)
	if g.parked.CompareAndSwap(true, false) {
		g.wake <- struct{}{}
	}
}

// await returns when the count is at least n, having looked the given number of times before it parks.
func (g *gate) await(n int64, looks int) {
	for look := 0; g.count.Load() < n; look++ {
		if look < looks {
			if look%looksAtOnce == looksAtOnce-1 {
				runtime.Gosched()
				yield()
			}
			continue
		}
		g.parked.Store(true)
		if g.count.Load() >= n && g.parked.CompareAndSwap(true, false) {
			return
		}
		<-g.wake // sent by whoever takes parked back
	}
}
