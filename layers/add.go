package layers

func planAdd(p *plan, l *layer, in []*step) *step { return p.add(l.Name, addOp{}, in...) }

// addOp is the sum of a branch and the residual stream.
type addOp struct{}

func (addOp) emit(c *Context, s *step) Value {
	stream := s.in[1].out.Float(c)
	return Value{float: add(c, s.name, s.in[0].out.Float(c), stream)}
}
