package machine

import G "gorgonia.org/gorgonia"

// schedule orders the operations into groups. A group is
//
//   - one operation that runs on all threads;
//   - or several that run on one thread each, side by side: none reads another's
//     output;
//   - or several loops over the same batch that share a walk over the pictures:
//     within a group an operation may read another's output for the same picture,
//     but nothing that a loop completes at its end (sums over the batch).
//
// It is a list scheduling: operations that stand alone run as soon as their
// inputs are there; then a group takes every loop that can run, until none can
// be added. What no loop waits for comes last, all together. The order depends
// on the graph only.
func (p *plan) schedule(fuse bool) {
	s := &scheduling{plan: p, fuse: fuse, group: map[*G.Node]int{}, open: -1, done: make([]bool, len(p.ops)), awaited: p.awaited(fuse)}
	for _, n := range p.order {
		if !p.isOp[n] {
			s.group[n] = -1
		}
	}
	for len(s.order) < len(p.ops) {
		before := len(s.order)
		for s.parallel() || s.serial(false) {
		}
		s.loops()
		if len(s.order) == before {
			s.serial(true)
		}
	}
	p.ops, p.groups = s.order, s.time
}

// scheduling is a schedule under construction.
type scheduling struct {
	*plan
	fuse    bool
	group   map[*G.Node]int // of nodes that are complete or in the open group
	open    int
	order   []*planned
	done    []bool
	time    int
	awaited map[*G.Node]bool
}

// awaited tells of each operation whether one that takes all threads needs it.
func (p *plan) awaited(fuse bool) map[*G.Node]bool {
	awaited := map[*G.Node]bool{}
	for i := len(p.ops) - 1; i >= 0; i-- {
		if o := p.ops[i]; awaited[o.n] || !o.small(fuse) && !o.reads {
			for _, c := range o.children {
				awaited[c] = true
			}
		}
	}
	return awaited
}

// small tells that the operation runs on one thread.
func (o *planned) small(fuse bool) bool {
	if o.foreign {
		return !(o.loops && fuse)
	}
	return !o.reads && o.info.Serial()
}

// ready tells that o can run after the closed groups, or in the open one.
func (s *scheduling) ready(o *planned, inOpen bool) bool {
	for i, c := range o.children {
		g, ok := s.group[c]
		if !ok {
			return false
		}
		if s.open >= 0 && g == s.open && !(inOpen && o.picture(i) && s.byNode[c].outPicture()) {
			return false
		}
	}
	return true
}

func (s *scheduling) place(i int) {
	o := s.ops[i]
	o.group = s.time
	s.group[o.n] = s.time
	s.order = append(s.order, o)
	s.done[i] = true
}

// parallel places the operations that take all threads, and those that compute
// nothing, each in a group of its own.
func (s *scheduling) parallel() bool {
	before := len(s.order)
	for i, o := range s.ops {
		if !s.done[i] && !o.small(s.fuse) && !(o.loops && s.fuse) && s.ready(o, false) {
			s.place(i)
			s.time++
		}
	}
	return len(s.order) > before
}

// serial places small operations in one group: those that are awaited, or all.
func (s *scheduling) serial(all bool) bool {
	before := len(s.order)
	s.open = s.time
	for i, o := range s.ops {
		if !s.done[i] && o.small(s.fuse) && (all || s.awaited[o.n]) && s.ready(o, false) {
			s.place(i)
		}
	}
	s.open = -1
	if len(s.order) == before {
		return false
	}
	s.time++
	return true
}

// loops places a group of loops.
func (s *scheduling) loops() {
	s.open = s.time
	size := 0
	for added := true; added; {
		added = false
		for i, o := range s.ops {
			if s.done[i] || !o.loops || !s.fuse || !s.ready(o, true) {
				continue
			}
			if size > 0 && o.batch != s.order[len(s.order)-1].batch {
				continue
			}
			s.place(i)
			added, size = true, size+1
		}
	}
	if size > 0 {
		s.time++
	}
	s.open = -1
}

// picture tells that input i is read one picture at a time.
func (o *planned) picture(i int) bool {
	return o.loops && (o.foreign || o.info.In(i).Picture)
}

// outPicture tells that the output is written one picture at a time.
func (o *planned) outPicture() bool { return o.loops && (o.foreign || o.out.Picture) }

// batchOf returns the number of pictures that a loop runs over.
func batchOf(o *planned) int {
	if o.outPicture() {
		return o.n.Shape()[0]
	}
	for i, c := range o.children {
		if o.picture(i) {
			return c.Shape()[0]
		}
	}
	return 0
}
