package layers

func planReLU(p *plan, l *layer, in []*step) *step { return p.add(l.Name, reluOp{}, in...) }

// reluOp is max(x, 0).
type reluOp struct{}

func (reluOp) emit(c *Context, s *step) Value { return Value{float: relu(c, s.in[0].out.Float(c))} }
