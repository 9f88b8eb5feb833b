package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

func planMaxPool(p *plan, l *layer, in []*step) *step {
	w := l.Op.(networks.MaxPool).Window
	return p.add(l.Name, maxPoolOp{kernels.Window{
		H: l.in[0].H, W: l.in[0].W, C: l.in[0].C, OutH: l.out.H, OutW: l.out.W,
		Kernel: kernels.Size(w.Kernel), Stride: kernels.Size(w.Stride), Top: w.Pad.Top, Left: w.Pad.Left,
	}, w.Pad}, in...)
}

// maxPoolOp is max pooling, of codes where there are codes: levels rise with their codes.
type maxPoolOp struct {
	kernels.Window
	pad networks.Pad
}

func (o maxPoolOp) givesCodes(c *Context, s *step) bool { return s.in[0].givesCodes(c) }

func (o maxPoolOp) emit(c *Context, s *step) Value {
	v := &s.in[0].out
	if v.codes != nil {
		return Value{codes: o.codes(c, s.name, v.codes), quant: v.quant}
	}
	return Value{float: o.floats(c, s.name, v.Float(c), v.again)}
}

// floats pools floats; again is for the gradient, which reads x.
func (o maxPoolOp) floats(c *Context, layer string, x *G.Node, again *recomputed) *G.Node {
	return c.b.Apply(graph.Op{
		Name: "max pool", Layer: layer, Attrs: fmt.Sprint(o), Pool: c.pool,
		In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(x.Shape()[0], o.OutH, o.OutW, o.C),
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) { kernels.MaxPool(y, x, &o.Window) })
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{o.gradient(c, layer, again.or(in[0], dout), dout, pictures(4), func(k *graph.Call) graph.Loop {
				return each(k, func(dx, x, dy []float32) { kernels.MaxPoolGrad(dx, dy, x, &o.Window) })
			})}
		},
	}, x)
}

func (o maxPoolOp) codes(c *Context, layer string, x *G.Node) *G.Node {
	return c.b.Apply(graph.Op{
		Name: "max pool", Layer: layer, Attrs: fmt.Sprint("codes", o), Pool: c.pool,
		In: []graph.Arg{codes(4)}, Out: codes(4), Shape: fixedShape(x.Shape()[0], o.OutH, o.OutW, o.C),
		Loop: func(k *graph.Call) graph.Loop {
			return eachCodes(k, func(y, x []uint8) { kernels.MaxPoolCodes(y, x, &o.Window) })
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{o.gradient(c, layer, in[0], dout, codes(4), func(k *graph.Call) graph.Loop {
				var dx, dy kernels.Pictures[float32]
				var x kernels.Pictures[uint8]
				return graph.Loop{
					Before: func() error { dx, x, dy = k.OutPictures(), k.Codes(0), k.Pictures(1); return nil },
					Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
						kernels.MaxPoolCodesGrad(dx.At(s, n), dy.At(s, n), x.At(s, n), &o.Window)
					}},
				}
			})}
		},
	}, x)
}

// gradient looks for the largest values again, which takes less memory than to keep where they are.
func (o maxPoolOp) gradient(c *Context, layer string, x, dout *G.Node, in graph.Arg, loop func(k *graph.Call) graph.Loop) *G.Node {
	return c.b.Apply(graph.Op{
		Name: "max pool gradient", Layer: layer, Attrs: fmt.Sprint(o), Pool: c.pool,
		In: []graph.Arg{in, pictures(4)}, Out: pictures(4), Shape: sameShape(0), Loop: loop,
	}, x, dout)
}

func (maxPoolOp) recomputes() {}

func (maxPoolOp) movesCodes() {}

func (o maxPoolOp) lower(l *lowering, s *step) error {
	in := l.of[s.in[0]]
	t := l.net.Tensors[in]
	t.Name, t.H, t.W = s.name, o.OutH, o.OutW
	out := l.add(s, t)
	w := networks.Window{Kernel: networks.Size(o.Kernel), Stride: networks.Size(o.Stride), Pad: o.pad}
	l.net.Layers = append(l.net.Layers, &integer.MaxPool{Name: s.name, In: in, Out: out, Window: w})
	return nil
}
