package machine

import (
	G "gorgonia.org/gorgonia"
)

// schedule orders the operations into groups. A group is one operation, or
// several loops over the same batch that share a walk over the pictures: within
// a group an operation may read another's output for the same picture, but
// nothing that a loop completes at its end (sums over the batch).
//
// It is a list scheduling: operations that stand alone run as soon as their
// inputs are there; then a group takes every loop that can run, until none can
// be added. The order depends on the graph only.
func (p *plan) schedule(fuse bool) {
	group := map[*G.Node]int{} // of nodes that are complete or in the open group
	open := -1
	for _, n := range p.order {
		if !p.isOp[n] {
			group[n] = -1
		}
	}
	// ready tells that o can run after the closed groups, or in the open one.
	ready := func(o *planned, inOpen bool) bool {
		for i, c := range o.children {
			g, ok := group[c]
			if !ok {
				return false
			}
			if open >= 0 && g == open && !(inOpen && o.picture(i) && p.byNode[c].outPicture()) {
				return false
			}
		}
		return true
	}
	var order []*planned
	done := make([]bool, len(p.ops))
	time := 0
	place := func(i int) {
		o := p.ops[i]
		o.group = time
		group[o.n] = time
		order = append(order, o)
		done[i] = true
	}
	for len(order) < len(p.ops) {
		for i, o := range p.ops {
			if done[i] || o.loops && fuse || !ready(o, false) {
				continue
			}
			place(i)
			time++
		}
		open = time
		size := 0
		for added := true; added; {
			added = false
			for i, o := range p.ops {
				if done[i] || !o.loops || !fuse || !ready(o, true) {
					continue
				}
				if size > 0 && o.batch != order[len(order)-1].batch {
					continue
				}
				place(i)
				added, size = true, size+1
			}
		}
		if size > 0 {
			time++
		}
		open = -1
	}
	p.ops, p.groups = order, time
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
