package allocate

import "math"

var inf = math.Inf(1)

// extend adds each item of a group to each state, and keeps what may become a better solution, in order: that of each item is
// in order, so they are merged.
func (s *search) extend(g int, from *states, open []int) *states {
	f := frontier{open: open, kept: newStates(len(s.slack))}
	var heap merger
	heap.open = open
	for j := range s.groups[g] {
		x := stream{item: &s.groups[g][j], at: -1, state: state{costs: make([]int64, len(s.slack)), item: int32(j)}}
		if s.next(g, from, &x) {
			heap.push(x)
		}
	}
	for len(heap.streams) > 0 {
		x := &heap.streams[0]
		f.add(x.state)
		if !s.next(g, from, x) {
			last := len(heap.streams) - 1
			heap.streams[0] = heap.streams[last]
			heap.streams = heap.streams[:last]
		}
		heap.down(0)
	}
	return f.kept
}

// stream is what an item makes of states, one after the other.
type stream struct {
	state
	item *item
	at   int // the state it was made of
}

// next goes to the next state that fits the limits and may become a better solution.
func (s *search) next(g int, from *states, x *stream) bool {
	m := from.m
states:
	for x.at++; x.at < len(from.loss); x.at++ {
		for k := range x.costs {
			if x.costs[k] = from.costs[x.at*m+k] + x.item.costs[k]; x.costs[k] > s.slack[k] {
				continue states
			}
		}
		x.loss, x.parent = from.loss[x.at]+x.item.loss, int32(x.at)
		x.bound = 0
		for _, p := range s.prices[g+1] {
			bound := p.bound(g+1, x.loss, x.costs)
			if p.ray && bound > 0 || !p.ray && bound > s.worst() {
				continue states
			}
			if !p.ray {
				x.bound = max(x.bound, bound)
			}
		}
		return true
	}
	return false
}

// merger is a binary heap of streams, the first one on top.
type merger struct {
	streams []stream
	open    []int
}

func (h *merger) less(i, j int) bool {
	a, b := &h.streams[i], &h.streams[j]
	if c := before(a.state, b.state, h.open); c != 0 {
		return c < 0
	}
	return a.state.item < b.state.item
}

func (h *merger) push(x stream) {
	h.streams = append(h.streams, x)
	for i := len(h.streams) - 1; i > 0 && h.less(i, (i-1)/2); i = (i - 1) / 2 {
		h.streams[i], h.streams[(i-1)/2] = h.streams[(i-1)/2], h.streams[i]
	}
}

func (h *merger) down(i int) {
	for {
		least := i
		for _, c := range []int{2*i + 1, 2*i + 2} {
			if c < len(h.streams) && h.less(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		h.streams[i], h.streams[least] = h.streams[least], h.streams[i]
		i = least
	}
}
