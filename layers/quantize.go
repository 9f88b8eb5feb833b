package layers

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

// quantizeOp puts a quantizer on an activation, of max(x, 0) if relu.
type quantizeOp struct {
	q      *Quantizer
	relu   bool
	binned bool // see binnedState
}

func (o quantizeOp) givesCodes(c *Context, _ *step) bool { return o.q.givesCodes(c.Train) }

// quantizer is the quantizer whose output the operation gives.
func (o quantizeOp) quantizer() *Quantizer { return o.q }

func (o quantizeOp) emit(c *Context, s *step) Value {
	x := s.in[0].out.Float(c)
	if o.q.method != nil {
		return o.q.methodActivations(c, x, o.binned)
	}
	return o.q.quantize(c, x, o.relu)
}

// givesCodes tells that activations become codes, in training or in evaluation.
func (q *Quantizer) givesCodes(train bool) bool { return q.atOffset || q.integral(train) }

// absorbReLU: a quantizer of what is never negative does the work of the ReLU before it.
var absorbReLU = rewrite{"absorb_relu", "quantize(relu(x)) becomes quantize(x), where the lowest level is 0", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || o.q.method != nil || !o.q.absorbsReLU() {
		return false
	}
	before := s.in[0]
	if _, ok := alone[reluOp](p, before, s); !ok {
		return false
	}
	o.relu = true
	return p.replace(s, o, before.in, before)
}}

func (o quantizeOp) lower(l *lowering, s *step) error {
	from := s.in[0]
	if err := l.ready(s.name, o.q); err != nil {
		return err
	}
	switch from.op.(type) {
	case inputOp:
		l.tensor(s, o.q, l.input)
		return nil
	case averagePoolOp:
		x := from.in[0]
		out := l.tensor(s, o.q, networks.Shape{H: 1, W: 1, C: l.shape(x).C})
		l.net.Layers = append(l.net.Layers, &integer.AveragePool{Name: from.name, In: l.of[x], Out: out})
		return nil
	}
	out := l.tensor(s, o.q, l.shape(from))
	lo, hi := l.net.Tensors[out].Range()
	l.net.Layers = append(l.net.Layers, &integer.Requantize{Name: s.name, In: l.of[from], Out: out, Lo: lo, Hi: hi})
	return nil
}
