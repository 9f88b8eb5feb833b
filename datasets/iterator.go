package datasets

import (
	"context"
	"errors"
	"runtime/pprof"
	"slices"
	"sync"
)

// Iterator delivers the batches of one epoch in order, and prepares the next
// ones while the caller works:
//
//	it := loader.Epoch(epoch, 0)
//	defer it.Close()
//	for b, ok := it.Next(); ok; b, ok = it.Next() {
//		... b.X, b.Y, b.N ...
//		it.Release(b)
//	}
//	if err := it.Err(); err != nil { ... }
//
// One goroutine calls Next and Release; any may call Close.
type Iterator struct {
	l     *Loader
	free  chan *Batch   // to fill
	queue chan *Batch   // by step, filled or being filled
	stop  chan struct{} // closed by Close
	close sync.Once
	wg    sync.WaitGroup

	batches int      // in all
	held    []*Batch // of those, the caller's
	err     error
}

// Epoch starts delivering the batches of an epoch from step start on, the same
// ones that starting from step 0 would. A start below 0 counts as 0, one of
// [Loader.Steps] or more leaves no batch. The caller must Close the iterator.
func (l *Loader) Epoch(epoch, start int) *Iterator {
	n := 1 + l.opt.Ahead
	it := &Iterator{
		l:       l,
		free:    make(chan *Batch, n),
		queue:   make(chan *Batch, n),
		stop:    make(chan struct{}),
		batches: n,
	}
	for range n {
		it.free <- l.takeSpare()
	}
	var order []int
	if l.opt.Shuffle {
		order = shuffled(l.opt.Seed, epoch, l.split.Len())
	}
	work := make(chan piece)
	it.wg.Go(func() { it.dispatch(max(start, 0), work) })
	for range l.opt.Workers {
		it.wg.Go(func() {
			pprof.SetGoroutineLabels(loading)
			for p := range work {
				l.fill(p, epoch, order)
				if p.batch.left.Add(-1) == 0 {
					p.batch.ready <- struct{}{}
				}
			}
		})
	}
	return it
}

// loading labels the workers' samples in CPU profiles, as operations label theirs.
var loading = pprof.WithLabels(context.Background(), pprof.Labels("operation", "loading"))

// piece is images from to to of a batch, which one worker fills.
type piece struct {
	batch    *Batch
	from, to int
}

// pieces is how many pieces of a batch each worker gets: few images at a time, so that all end together and the batch that is
// wanted next is whole first.
const pieces = 8

// dispatch gives steps to free batches in order. A step gets its batch before
// any later one, so the caller can never wait for a step that has none.
func (it *Iterator) dispatch(step int, work chan<- piece) {
	defer close(it.queue)
	defer close(work)
	for size := max(it.l.opt.Batch/max(pieces*it.l.opt.Workers, 1), 1); step < it.l.Steps(); step++ {
		var b *Batch
		select {
		case <-it.stop:
			return
		case b = <-it.free:
		}
		it.l.begin(b, step)
		b.left.Store(int32((b.N-1)/size + 1))
		select {
		case <-it.stop:
			return
		case it.queue <- b:
		}
		for from := 0; from < b.N; from += size {
			select {
			case <-it.stop:
				return
			case work <- piece{b, from, min(from+size, b.N)}:
			}
		}
	}
}

// Next returns the next batch, or false after the last one, after Close and where an image could not be read ([Iterator.Err]).
// The batch is the caller's until Release. A caller that keeps several is given
// new ones rather than made to wait for itself.
func (it *Iterator) Next() (*Batch, bool) {
	if it.l == nil || it.err != nil { // the zero value has no batch
		return nil, false
	}
	if len(it.held) == it.batches {
		it.free <- it.l.takeSpare()
		it.batches++
	}
	select {
	case <-it.stop:
		return nil, false
	case b, ok := <-it.queue:
		if !ok {
			return nil, false
		}
		select {
		case <-it.stop:
			return nil, false
		case <-b.ready:
			it.held = append(it.held, b)
			if b.err != nil {
				it.err = b.err
				return nil, false
			}
			return b, true
		}
	}
}

// Err says why Next ended before the last batch; nil if nothing kept it from one. It is for the goroutine that calls Next.
func (it *Iterator) Err() error {
	if it == nil {
		return errors.New("there is no iterator; want one of Loader.Epoch")
	}
	return it.err
}

// Release gives b back to be filled again. It does nothing if b is not a batch
// that Next returned and that is still the caller's.
func (it *Iterator) Release(b *Batch) {
	i := slices.Index(it.held, b)
	if i < 0 {
		return
	}
	it.held = slices.Delete(it.held, i, i+1)
	select {
	case it.free <- b:
	default: // Next made more batches than it now takes
		it.batches--
	}
}

// Close stops the workers and waits for them. A batch that is the caller's
// stays valid.
func (it *Iterator) Close() {
	if it.l == nil {
		return
	}
	it.close.Do(func() {
		close(it.stop)
		it.wg.Wait()
		for b := range it.queue {
			select {
			case <-b.ready:
			default:
			}
			it.l.giveSpare(b)
		}
		for {
			select {
			case b := <-it.free:
				it.l.giveSpare(b)
			default:
				return
			}
		}
	})
}
