package layers

// CommitPiece is [Context.Commit] after a run on a piece of a batch, but for the last one. It stores what moves with each
// piece: running statistics, and what quantizers of activations keep. What those of weights keep moves once a batch, since
// all pieces see the same weights.
func (c *Context) CommitPiece() {
	if !c.inPieces {
		if c.inPieces = true; c.before == nil {
			c.before = map[*Array][]float32{}
		}
		for a := range c.works {
			c.before[a] = append(c.before[a][:0], a.Data()...)
		}
	}
	ofWeights := map[*Array]bool{}
	for q := range c.bound {
		if q.place.Weights {
			for _, a := range q.arrays() {
				ofWeights[a] = true
			}
		}
	}
	c.commit(func(a *Array) bool { return !ofWeights[a] })
}

// Rollback undoes what was stored since the last whole batch, whose first pieces then have changed nothing.
func (c *Context) Rollback() {
	if c.inPieces {
		for a := range c.works {
			copy(a.Data(), c.before[a])
		}
	}
	c.inPieces = false
}
