package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
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

// optionA is the parameter-free projection of ResNets on CIFAR (He et al. 2015,
// section 4.2, option A): every stride-th pixel, and zeros for new channels, half
// before and half after. The input is (N, h, w, from), the output (N, h/stride,
// w/stride, to).
type optionA struct{ n, h, w, from, stride, to int }

func newOptionA(s tensor.Shape, stride, to int) optionA {
	return optionA{s[0], s[1], s[2], s[3], stride, to}
}

func (o optionA) outShape() []int {
	return []int{o.n, (o.h + o.stride - 1) / o.stride, (o.w + o.stride - 1) / o.stride, o.to}
}

// each calls f for the pixels of one picture: the output's position of the
// input's channels, and the input's.
func (o optionA) each(f func(y, x int)) {
	s := o.outShape()
	for a := range s[1] {
		for b := range s[2] {
			f((a*s[2]+b)*o.to+(o.to-o.from)/2, (a*o.stride*o.w+b*o.stride)*o.from)
		}
	}
}

// shortcut is option A on floats.
func shortcut(c *Context, layer string, x *G.Node, stride, channels int) *G.Node {
	o := newOptionA(x.Shape(), stride, channels)
	return c.b.Apply(graph.Op{
		Name: "shortcut", Layer: layer, Attrs: fmt.Sprint(o), Pool: c.pool,
		In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(o.outShape()...),
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) {
				clear(y)
				o.each(func(i, j int) { copy(y[i:][:o.from], x[j:]) })
			})
		},
		Wrt:      []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{o.gradient(c, layer, dout)} },
	}, x)
}

// shortcutCodes is option A on codes; new channels get the code of zero.
func shortcutCodes(c *Context, layer string, v Value, stride, channels int) *G.Node {
	o := newOptionA(v.codes.Shape(), stride, channels)
	return c.b.Apply(graph.Op{
		Name: "shortcut", Layer: layer, Attrs: fmt.Sprint("codes", o), Pool: c.pool,
		In: []graph.Arg{codes(4)}, Out: codes(4), Shape: fixedShape(o.outShape()...),
		Loop: func(k *graph.Call) graph.Loop {
			return eachCodes(k, func(to, from []uint8) {
				zero := v.quant.zeroPoint()
				for i := range to {
					to[i] = zero
				}
				o.each(func(i, j int) { copy(to[i:][:o.from], from[j:]) })
			})
		},
		Wrt:      []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{o.gradient(c, layer, dout)} },
	}, v.codes)
}

func (o optionA) gradient(c *Context, layer string, dout *G.Node) *G.Node {
	return c.b.Apply(graph.Op{
		Name: "shortcut gradient", Layer: layer, Attrs: fmt.Sprint(o), Pool: c.pool,
		In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(o.n, o.h, o.w, o.from),
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(dx, dy, _ []float32) {
				clear(dx)
				o.each(func(i, j int) { copy(dx[j:][:o.from], dy[i:]) })
			})
		},
	}, dout)
}
