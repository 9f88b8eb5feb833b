package layers

func planAveragePool(p *plan, l *layer, in []*step) *step {
	return p.add(l.Name, averagePoolOp{}, in...)
}

// averagePoolOp is the mean of each channel over all pixels.
type averagePoolOp struct{}

func (averagePoolOp) emit(c *Context, s *step) Value {
	return Value{float: averagePool(c, s.in[0].out.Float(c))}
}

// lower leaves the layer to the quantizer that follows.
func (averagePoolOp) lower(*lowering, *step) error { return nil }
