package kernels

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Pool runs loops over independent pieces of work on a fixed set of workers
// and owns the scratch memory of each worker. Pieces are handed out in any
// order, so a loop body must not depend on which worker runs it or when.
//
// A Pool serves one caller at a time: For must not be called from inside For.
type Pool struct {
	scratch []Scratch
	body    runner
	pieces  int64
	next    atomic.Int64
	start   []*gate // of each helper: loops that it takes part in
	done    *gate   // loops that helpers have finished, each counted
	ended   int64   // what done is to be when all are
	looks   int     // before a thread parks
	fault   atomic.Pointer[any]
	fused   fusedLoops
	groups  groups
	jobs    map[any]any     // arguments of running loops, kept from call to call
	until   context.Context // nil: nothing stops loops
	stop    <-chan struct{} // of until
}

// runner does one piece of a loop.
type runner interface{ run(worker, piece int) }

type runnerFunc func(worker, piece int)

func (f runnerFunc) run(worker, piece int) { f(worker, piece) }

// NewPool returns a pool of the given number of threads; 0 or less means one a
// CPU that the process may use. Close releases its goroutines.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{scratch: make([]Scratch, threads), jobs: map[any]any{}, done: newGate()}
	if threads <= runtime.GOMAXPROCS(0) { // else a thread that looks is in the way of one that works
		p.looks = looks
	}
	p.fused.pool, p.groups.pool = p, p
	for w := 1; w < threads; w++ {
		p.scratch[w].worker = w
		p.start = append(p.start, newGate())
		go p.help(w, p.start[w-1])
	}
	return p
}

// Usable reports a pool that is nil or was not made by NewPool, and a path that this CPU lacks, as Check.
func (p *Pool) Usable() error {
	if p == nil || len(p.scratch) == 0 {
		return errors.New("no threads to compute with; want a pool of threads.New")
	}
	return Check()
}

// Threads returns the number of workers, the caller included.
func (p *Pool) Threads() int { return len(p.scratch) }

// Close ends the workers. The pool must not be used afterwards.
func (p *Pool) Close() {
	p.body = nil
	for _, g := range p.start {
		g.raise()
	}
	p.start = nil
}

// help takes part in loops until one has no body.
func (p *Pool) help(worker int, start *gate) {
	for n := int64(1); ; n++ {
		start.await(n, p.looks)
		if p.body == nil {
			return
		}
		p.work(worker)
		p.done.raise()
	}
}

// Until lets the end of ctx stop loops: those in work end after the piece or the picture at hand, later ones do nothing,
// and Err tells. What they were to write is garbage then. restore puts an end to it.
func (p *Pool) Until(ctx context.Context) (restore func()) {
	before := p.until
	p.until, p.stop = ctx, ctx.Done()
	return func() {
		p.until, p.stop = before, nil
		if before != nil {
			p.stop = before.Done()
		}
	}
}

// Err returns why loops are stopped, nil if they are not.
func (p *Pool) Err() error {
	if !p.stopped() {
		return nil
	}
	return p.until.Err()
}

func (p *Pool) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// For calls body(worker, piece) once for each piece in [0, pieces). A panic in
// body reaches the caller, whichever worker it happened on.
func (p *Pool) For(pieces int, body func(worker, piece int)) {
	p.run(pieces, runnerFunc(body))
}

func (p *Pool) run(pieces int, body runner) {
	if pieces <= 0 {
		return
	}
	p.body, p.pieces = body, int64(pieces)
	p.next.Store(0)
	helpers := min(len(p.start), pieces-1)
	p.ended += int64(helpers)
	for _, g := range p.start[:helpers] {
		g.raise()
	}
	p.work(0)
	p.done.await(p.ended, p.looks)
	for i := range p.scratch {
		p.scratch[i].ahead.forget()
	}
	p.body = nil
	if f := p.fault.Swap(nil); f != nil {
		panic(*f)
	}
}

func (p *Pool) work(worker int) {
	defer func() {
		if r := recover(); r != nil {
			fault := r // a variable of its own: only a panic allocates
			p.fault.Store(&fault)
			p.next.Store(p.pieces)
		}
	}()
	for {
		i := p.next.Add(1) - 1
		if i >= p.pieces || p.stopped() {
			return
		}
		p.body.run(worker, int(i))
	}
}

// loop is For for the kernels' own loops: it keeps the arguments in the pool
// and takes a body that captures nothing, so a call allocates nothing.
func loop[A any](p *Pool, pieces int, args A, body func(s *Scratch, piece int, a *A)) {
	key := any((*A)(nil))
	j, ok := p.jobs[key].(*job[A])
	if !ok {
		j = &job[A]{pool: p}
		p.jobs[key] = j
	}
	j.args, j.body = args, body
	p.run(pieces, j)
	*j = job[A]{pool: p} // let go of the slices
}

type job[A any] struct {
	pool *Pool
	args A
	body func(s *Scratch, piece int, a *A)
}

func (j *job[A]) run(worker, piece int) { j.body(&j.pool.scratch[worker], piece, &j.args) }

// Scratch is memory that one worker reuses from call to call. Its contents
// are undefined at the start of a piece.
type Scratch struct {
	worker int
	slots  [4][]byte
	ahead  ahead
	strip  strip
}

func (s *Scratch) bytes(slot, n int) []byte {
	if cap(s.slots[slot]) < n {
		s.slots[slot] = alignedBytes(n)
	}
	return s.slots[slot][:n]
}

func (s *Scratch) float32s(slot, n int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s.bytes(slot, 4*n)))), n)
}

func (s *Scratch) int32s(slot, n int) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(s.bytes(slot, 4*n)))), n)
}

func (s *Scratch) uint32s(slot, n int) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(s.bytes(slot, 4*n)))), n)
}

func (s *Scratch) int16s(slot, n int) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(s.bytes(slot, 2*n)))), n)
}

// alignedBytes returns n bytes that start on a 64-byte boundary, so that a
// vector never straddles two cache lines.
func alignedBytes(n int) []byte {
	b := make([]byte, n+64)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[off : off+n : off+n]
}
