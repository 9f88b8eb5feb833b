package layers

import (
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

func planConcat(p *plan, l *layer, in []*step) *step {
	o := concatOp{out: l.out.C}
	for _, s := range l.in {
		o.channels = append(o.channels, s.C)
	}
	return p.add(l.Name, o, in...)
}

func concatLacks(g *networks.Network, l *layer) []string {
	if s := l.out; s.H*s.W == 1 && slices.ContainsFunc(g.Nodes, func(n networks.Node) bool { return n.Op.Kind() == networks.Flatten{}.Kind() }) {
		return []string{"concat of single pixels in a network that flattens images"} // whose channels files may have in another order
	}
	return nil
}

// concatOp joins channels: of codes, if q, whose they all are, is not nil.
type concatOp struct {
	channels []int // of what it reads
	out      int
	q        *Quantizer
}

func (o concatOp) givesCodes(*Context, *step) bool { return o.q != nil }

func (o concatOp) emit(c *Context, s *step) Value {
	var in []*G.Node
	for _, from := range s.in {
		if o.q != nil {
			in = append(in, from.out.codes)
		} else {
			in = append(in, from.out.Float(c))
		}
	}
	if o.q == nil {
		return Value{float: o.join(c, s.name, in)}
	}
	return Value{codes: o.joinCodes(c, s.name, in), quant: s.in[0].out.quant}
}

// joinLoop is the loop that joins the channels of what a call reads.
func joinLoop[T any](o concatOp, out func() kernels.Pictures[T], in func(i int) kernels.Pictures[T]) graph.Loop {
	var y kernels.Pictures[T]
	from := make([]kernels.Pictures[T], len(o.channels))
	return graph.Loop{
		Before: func() error {
			y = out()
			for i := range from {
				from[i] = in(i)
			}
			return nil
		},
		Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
			at := 0
			for i, ch := range o.channels {
				kernels.ScatterChannels(y.At(s, n), from[i].At(s, n), o.out, at, ch)
				at += ch
			}
		}},
	}
}

// join is the channels of x, (N, H, W, C) each, behind one another.
func (o concatOp) join(c *Context, layer string, x []*G.Node) *G.Node {
	s := x[0].Shape()
	in, wrt := make([]graph.Arg, len(x)), make([]bool, len(x))
	for i := range x {
		in[i], wrt[i] = pictures(4), true
	}
	return c.b.Apply(graph.Op{
		Name: "concat", Layer: layer, In: in, Out: pictures(4), Shape: fixedShape(s[0], s[1], s[2], o.out), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop { return joinLoop(o, k.OutPictures, k.Pictures) },
		Wrt:  wrt,
		Gradient: func(_ []*G.Node, _, dout *G.Node) (grads []*G.Node) {
			at := 0
			for _, ch := range o.channels {
				grads = append(grads, o.part(c, layer, dout, at, ch))
				at += ch
			}
			return grads
		},
	}, x...)
}

// part is so many channels of the joint image.
func (o concatOp) part(c *Context, layer string, joint *G.Node, at, channels int) *G.Node {
	s := joint.Shape()
	return c.b.Apply(graph.Op{
		Name: "concat gradient", Layer: layer, Attrs: fmt.Sprint(at, channels), In: []graph.Arg{pictures(4)}, Out: pictures(4),
		Shape: fixedShape(s[0], s[1], s[2], channels), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(part, joint, _ []float32) { kernels.GatherChannels(part, joint, o.out, at, channels) })
		},
	}, joint)
}

func (o concatOp) joinCodes(c *Context, layer string, x []*G.Node) *G.Node {
	s := x[0].Shape()
	return c.b.Apply(graph.Op{
		Name: "concat", Layer: layer, Attrs: "codes", In: slices.Repeat([]graph.Arg{codes(4)}, len(x)), Out: codes(4),
		Shape: fixedShape(s[0], s[1], s[2], o.out), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop { return joinLoop(o, k.OutCodes, k.Codes) },
	}, x...)
}

// concatCodes puts the quantizer of a concat, s, on each of its parts.
func (p *plan) concatCodes(s *step, o quantizeOp, join concatOp) bool {
	concat := s.in[0]
	join.q = o.q
	var parts []*step
	for i, from := range concat.in {
		parts = append(parts, &step{name: fmt.Sprintf("%s.%d", s.name, i), op: o, in: []*step{from}})
	}
	at := slices.Index(p.steps, concat)
	p.steps = slices.Insert(p.steps, at, parts...)
	p.replace(s, join, parts, concat)
	for _, part := range parts {
		p.moveCodes(part)
	}
	return true
}

func (o concatOp) lower(l *lowering, s *step) error {
	a := l.of[s.in[0]]
	for i, from := range s.in[1:] {
		t := l.net.Tensors[a]
		t.Name, t.C = s.name, t.C+l.net.Tensors[l.of[from]].C
		if i < len(s.in)-2 {
			t.Name = fmt.Sprintf("%s.join%d", s.name, i)
		}
		out := l.add(s, t)
		l.net.Layers = append(l.net.Layers, &integer.Concat{Name: t.Name, A: a, B: l.of[from], Out: out})
		a = out
	}
	return nil
}
