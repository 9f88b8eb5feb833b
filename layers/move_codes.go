package layers

// mover is an operation that moves values, larger ones first where it chooses: what it gives of codes are codes.
type mover interface {
	operation
	movesCodes()
}

// moveCodes: in evaluation a quantizer comes before max pooling and flattening, not after them: the code of the largest value
// is the largest code, and a convolution's sum becomes a code at once. In training the quantizer, and its gradient, stay
// where the network has them. It comes before concatenation, too, so that all parts have one scale.
var moveCodes = rewrite{"move_codes", "quantize(max_pool(x)) becomes max_pool(quantize(x)), in evaluation; flatten and concat, too", func(p *plan, s *step) bool {
	return p.moveCodes(s)
}}

func (p *plan) moveCodes(s *step) bool {
	q, ok := s.op.(quantizeOp)
	if p.c.Train || !ok || !q.q.even() {
		return false
	}
	moved := false
	for {
		before := s.in[0]
		if join, ok := alone[concatOp](p, before); ok && join.q == nil {
			return p.concatCodes(s, q, join)
		}
		if _, ok := alone[mover](p, before); !ok || before.in[0].givesCodes(p.c) {
			return moved
		}
		s.op, before.op, s.name, before.name = before.op, s.op, before.name, s.name
		s, moved = before, true
	}
}
