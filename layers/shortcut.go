package layers

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

func planShortcut(p *plan, l *layer, in []*step) *step {
	return p.add(l.Name, shortcutOp{l.Op.(networks.Shortcut)}, in...)
}

// shortcutOp is option A, of codes where there are codes.
type shortcutOp struct{ networks.Shortcut }

func (o shortcutOp) givesCodes(c *Context, s *step) bool { return s.in[0].givesCodes(c) }

func (o shortcutOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	if v.codes != nil {
		return Value{codes: shortcutCodes(c, s.name, *v, o.Stride, o.Out), quant: v.quant}
	}
	return Value{float: shortcut(c, s.name, v.Float(c), o.Stride, o.Out)}
}

func (o shortcutOp) lower(l *lowering, s *step) error {
	t := l.net.Tensors[l.of[s.in[0]]]
	shape, err := o.Shape([]networks.Shape{l.shape(s.in[0])})
	if err != nil {
		return l.fail(s.name, err)
	}
	t.Name, t.H, t.W, t.C = s.name, shape.H, shape.W, shape.C
	out := l.add(s, t)
	l.net.Layers = append(l.net.Layers, &integer.Shortcut{Name: s.name, In: l.of[s.in[0]], Out: out, Stride: o.Stride})
	return nil
}
