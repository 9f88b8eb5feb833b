package layers

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/networks"
)

// plan is a network as operations in the order in which they enter a graph. It starts as the network has them, with
// quantizers between; rewrites then put several into one.
type plan struct {
	c     *Context
	steps []*step
}

// step is one operation of a plan.
type step struct {
	name string // of the node, in errors and profiles
	op   operation
	in   []*step
	// kept says that somebody outside of the plan reads what it gives.
	kept bool
	// again says that gradients have the value computed anew.
	again bool
	out   Value
}

// operation is what a step computes.
type operation interface {
	// emit adds the operation to the graph; what the step reads is there.
	emit(c *Context, s *step) Value
}

// codesGiver is an operation that may give codes.
type codesGiver interface {
	givesCodes(c *Context, s *step) bool
}

// givesCodes tells that what the step gives are codes.
func (s *step) givesCodes(c *Context) bool {
	g, ok := s.op.(codesGiver)
	return ok && g.givesCodes(c, s)
}

// newPlan returns the plan of a network, with what the context has on rewritten. kept lists the nodes whose outputs the
// caller reads.
func newPlan(c *Context, layers []*layer, kept []string) *plan {
	p := &plan{c: c}
	of := map[string]*step{networks.Input: p.add(networks.Input, inputOp{})}
	for _, l := range layers {
		l = c.bind(l)
		var in []*step
		for _, from := range l.Inputs {
			in = append(in, of[from])
		}
		if l.input != nil {
			in[0] = p.add(l.input.Name, quantizeOp{q: l.input}, in[0])
		}
		if c.tap != nil && l.Op.Weighted() {
			in[0] = p.add(l.Name+".input", c.tap(l.Name), in[0])
		}
		s := kinds[l.Op.Kind()].plan(p, l, in)
		if o, ok := s.op.(piecewise); ok && c.gates != nil {
			s.op = gateOp{o, c.gates}
		}
		s.kept = s.kept || slices.Contains(kept, l.Name)
		if l.output != nil {
			s = p.add(l.output.Name, quantizeOp{q: l.output}, s)
		}
		of[l.Name] = s
	}
	p.end()
	return p
}

// end keeps the last step and applies the rewrites.
func (p *plan) end() {
	p.steps[len(p.steps)-1].kept = true
	p.rewrite()
}

// add appends a step.
func (p *plan) add(name string, op operation, in ...*step) *step {
	s := &step{name: name, op: op, in: in}
	p.steps = append(p.steps, s)
	return s
}

// emit adds the plan to the graph; x is (N, H, W, C), normalized. It returns the last step's output.
func (p *plan) emit(x *G.Node) *G.Node {
	p.steps[0].op = inputOp{x}
	v := p.run()
	if p.c.b.Err() != nil {
		return nil
	}
	logits := v.Float(p.c)
	if s := logits.Shape(); len(s) == 4 && s[1] == 1 && s[2] == 1 {
		logits = matrix(p.c, logits, s[0], s[3])
	}
	return logits
}

// run adds the steps to the graph, up to the first error, and returns what the last gives.
func (p *plan) run() *Value {
	for _, s := range p.steps {
		if p.c.b.Err() == nil {
			s.out = s.op.emit(p.c, s)
			if q, ok := s.op.(interface{ quantizer() *Quantizer }); ok && p.c.watches {
				p.c.watch(q.quantizer(), s.out)
			}
		}
	}
	return &p.steps[len(p.steps)-1].out
}

// inputOp is what the network takes.
type inputOp struct{ x *G.Node }

func (o inputOp) emit(*Context, *step) Value { return Value{float: o.x} }
