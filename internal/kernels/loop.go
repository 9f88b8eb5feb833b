package kernels

import "slices"

// Loop is a computation over the pictures of a batch that can share one walk
// over the batch with others, so that what one writes for a picture is still in
// cache when the next reads it.
type Loop interface {
	// Begin runs once before any picture.
	Begin(p *Pool)
	// Picture computes picture n. Pictures of one piece run in order on one
	// worker, pieces in any order, on several workers at once.
	Picture(s *Scratch, piece, n int)
	// End runs once after all pictures, for sums over the batch.
	End(p *Pool)
	// Cut returns the number of pieces that n pictures must be cut into, or n if
	// it makes no difference to the loop's results.
	Cut(n int) int
}

// anyCut is embedded by loops that may be cut at every picture.
type anyCut struct{}

// Cut implements Loop.
func (anyCut) Cut(n int) int { return n }

// maxPieces is how many pieces a batch is cut into at most by loops with a sum for
// each piece: a constant, because the order of a sum must not depend on the
// number of threads.
const maxPieces = 16

// Pieces returns the number of pieces that loops with a sum for each cut a batch
// of n pictures into.
func Pieces(n int) int { return min(maxPieces, n) }

// firstOf returns the first picture of a piece of n pictures, at least one each. The last pieces are smaller, so that
// threads end together: beside the one picture most have eight parts of the batch each, the last seven 7, 6, ... 1.
func firstOf(piece, pieces, n int) int {
	return piece + (n-pieces)*parts(piece, pieces)/parts(pieces, pieces)
}

// parts is how many parts the first i of all pieces have.
func parts(i, pieces int) int {
	const most = 8
	late := max(0, i-max(0, pieces-most)) // of the pieces with 8 to 1 parts
	return most*(i-late) + late*(2*min(most, pieces)-late+1)/2
}

// Run runs the loops over n pictures: every Begin in order, then for each
// picture every Picture in order, then every End in order. A loop may read what
// an earlier one wrote for the same picture, and nothing that it writes in End. Loops that [Pool.Until] stops have no End.
func (p *Pool) Run(n int, loops ...Loop) { p.RunFetching(n, nil, nil, loops...) }

// RunFetching is Run for loops that read memory, which is fetched a picture ahead, and of which those with strips, one a loop,
// may take them one at a time.
func (p *Pool) RunFetching(n int, memory []Memory, strips []Strips, loops ...Loop) {
	for _, l := range loops {
		l.Begin(p)
	}
	pieces := n
	for _, l := range loops {
		pieces = min(pieces, l.Cut(n))
	}
	p.fused.loops, p.fused.memory, p.fused.strips, p.fused.n, p.fused.pieces = loops, memory, strips, n, pieces
	p.fused.sort()
	p.run(pieces, &p.fused)
	p.fused.loops, p.fused.memory, p.fused.strips = nil, nil, nil
	if p.stopped() {
		return
	}
	for _, l := range loops {
		l.End(p)
	}
}

// RunGroups is Run for loops that may be cut at every picture, whose memory for the pictures in work is for some of them:
// loop i computes up to group[i] pictures, no fewer than the loops before it, and then the next one does, so that what a
// loop reads for all pictures, its weights, is in cache for all but the first.
func (p *Pool) RunGroups(n int, group []int, loops ...Loop) {
	for _, l := range loops {
		l.Begin(p)
	}
	g := &p.groups
	g.loops, g.group, g.firsts = loops, group, cutGroups(g.firsts[:0], n, group[len(group)-1], p.Threads())
	p.run(len(g.firsts)-1, g)
	g.loops, g.group = nil, nil
	if p.stopped() {
		return
	}
	for _, l := range loops {
		l.End(p)
	}
}

// cutGroups appends to firsts where pieces of up to group of n pictures start, and n. Where threads have several each, the
// last ones are smaller, so that threads end together.
func cutGroups(firsts []int, n, group, threads int) []int {
	size := min(group, (n+threads-1)/threads)
	for first := 0; first < n; first += size {
		firsts = append(firsts, first)
		if n > group*threads {
			size = min(group, (n-first+threads-1)/threads)
		}
	}
	return append(firsts, n)
}

// groups is the body of RunGroups.
type groups struct {
	pool   *Pool
	loops  []Loop
	group  []int
	firsts []int // of each piece, and the end of the last
}

func (g *groups) run(worker, piece int) {
	s := &g.pool.scratch[worker]
	s.ahead.aim(nil, 0)
	g.through(s, piece, len(g.loops), g.firsts[piece], g.firsts[piece+1])
}

// together is a Loop that computes several pictures of a piece in one go.
type together interface {
	pictures(s *Scratch, piece, first, end int)
}

// through takes the pictures in [first, end), no more than a group of the last, through the first so many loops.
func (g *groups) through(s *Scratch, piece, loops, first, end int) {
	from := loops - 1 // of those with as large groups
	for from > 0 && g.group[from-1] == g.group[loops-1] {
		from--
	}
	if from > 0 {
		size := g.group[from-1]
		for n := first; n < end; n += size {
			g.through(s, piece, from, n, min(n+size, end))
		}
	}
	for _, l := range g.loops[from:loops] {
		if g.pool.stopped() {
			return
		}
		if l, ok := l.(together); ok {
			l.pictures(s, piece, first, end)
			continue
		}
		for n := first; n < end; n++ {
			l.Picture(s, piece, n)
		}
	}
}

// Worker returns the number of the worker that the scratch belongs to.
func (s *Scratch) Worker() int { return s.worker }

// fusedLoops is the body of Run.
type fusedLoops struct {
	pool   *Pool
	loops  []Loop
	memory []Memory
	strips []Strips
	n      int
	pieces int
	order  []int // of the pieces: large ones first, so that threads end together; none where all are alike
}

// sort puts the pieces in order.
func (f *fusedLoops) sort() {
	if f.order = f.order[:0]; f.pieces == f.n {
		return
	}
	for piece := range f.pieces {
		f.order = append(f.order, piece)
	}
	size := func(piece int) int { return firstOf(piece+1, f.pieces, f.n) - firstOf(piece, f.pieces, f.n) }
	slices.SortStableFunc(f.order, func(a, b int) int { return size(b) - size(a) })
}

// at returns the piece that is i-th in order.
func (f *fusedLoops) at(i int) int {
	if len(f.order) == 0 {
		return i
	}
	return f.order[i]
}

func (f *fusedLoops) run(worker, piece int) {
	s := &f.pool.scratch[worker]
	piece = f.at(piece)
	end := firstOf(piece+1, f.pieces, f.n)
	for n := firstOf(piece, f.pieces, f.n); n < end && !f.pool.stopped(); n++ {
		if next := f.after(n, end); next < f.n {
			s.ahead.aim(f.memory, next)
		}
		for i := 0; i < len(f.loops); {
			i = f.inStrips(s, piece, n, i)
		}
	}
}

// inStrips takes picture n through loop i and those behind it that have the same strips, and returns what comes next.
func (f *fusedLoops) inStrips(s *Scratch, piece, n, i int) int {
	end, cut := i+1, Strips{}
	if f.strips != nil {
		for cut = f.strips[i]; cut.Of > 0 && end < len(f.loops) && f.strips[end] == cut; end++ {
		}
	}
	for more := true; more; more = s.strip.end < cut.Of {
		s.strip = strip{s.strip.end, min(s.strip.end+cut.Each, cut.Of), cut.Of}
		for _, l := range f.loops[i:end] {
			l.Picture(s, piece, n)
		}
	}
	s.strip = strip{}
	return end
}

// after returns the picture that a worker is likely to take after n of a piece, f.n or more for none: at the end of the
// piece the other workers are about to take one each.
func (f *fusedLoops) after(n, end int) int {
	if n+1 < end {
		return n + 1
	}
	piece := int(f.pool.next.Load()) + f.pool.Threads() - 1
	if piece >= f.pieces {
		return f.n
	}
	return firstOf(f.at(piece), f.pieces, f.n)
}

// Pictures is a batch of arrays of Each elements, one a picture. If Local, only
// the picture in work exists: Data holds one array a worker, or Group of them for
// pictures that follow each other; or the strip in work, if Each is less than a picture.
type Pictures[T any] struct {
	Data  []T
	Each  int
	Local bool
	Group int // 0 for 1
}

// Batch returns n pictures that share data.
func Batch[T any](data []T, n int) Pictures[T] {
	return Pictures[T]{Data: data, Each: len(data) / max(n, 1)}
}

// At returns picture n, or the strip of it that is in work.
func (x *Pictures[T]) At(s *Scratch, n int) []T {
	switch {
	case x.Local && x.Group > 1:
		n = s.worker*x.Group + n%x.Group
	case x.Local:
		n = s.worker
	}
	y := x.Data[n*x.Each:][:x.Each]
	switch t := &s.strip; {
	case t.of == 0:
		return y
	case x.Each < t.of:
		return y[:t.end-t.from]
	default:
		return y[t.from:t.end]
	}
}

// Each is a Loop without sums: a function of a picture, with an optional
// preparation.
type Each struct {
	anyCut
	Before func()
	Do     func(s *Scratch, n int)
}

// Begin implements Loop.
func (e *Each) Begin(*Pool) {
	if e.Before != nil {
		e.Before()
	}
}

// Picture implements Loop.
func (e *Each) Picture(s *Scratch, _, n int) { e.Do(s, n) }

// End implements Loop.
func (e *Each) End(*Pool) {}
