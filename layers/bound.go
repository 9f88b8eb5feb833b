package layers

// boundTo returns the quantizer as operations of a context have it. What derives from other arrays in each step, and what a
// method keeps beside what it learns, it has as work of the context: the quantizer itself stays as it is until
// [Context.Commit].
func (q *Quantizer) boundTo(c *Context) *Quantizer {
	b := *q
	b.context, b.stored, b.observed = c, q, observed{}
	if !q.plain() || q.is.Static && q.place.Weights {
		b.Scale = c.work(q.Scale)
	}
	if q.ZeroPoint != nil && !q.plain() {
		b.ZeroPoint = c.work(q.ZeroPoint)
	}
	b.state = nil
	for _, a := range q.state {
		b.state = append(b.state, c.work(a))
	}
	if q.updates != nil {
		b.updates = c.work(q.updates)
	}
	return &b
}

// load starts the work of a step on a bound quantizer from what is stored.
func (q *Quantizer) load() {
	if q.stored == nil {
		return
	}
	to, from := q.arrays(), q.stored.arrays()
	for i, a := range to {
		if a != from[i] {
			copy(a.Data(), from[i].Data())
		}
	}
}

// stays tells that what the method keeps is not to move.
func (q *Quantizer) stays() bool {
	return q.clock.steady || q.frozen || q.context != nil && q.context.started == q.stored
}

// share is the part of a step's images that gradients are of.
func (q *Quantizer) share() float64 {
	if q.context == nil {
		return 1
	}
	return q.context.share()
}
