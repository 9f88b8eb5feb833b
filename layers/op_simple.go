package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// relu is y = max(x, 0), dx = dy where y > 0.
func relu(c *Context, x *G.Node) *G.Node {
	rank := x.Dims()
	return c.B.Apply(graph.Op{
		Name: "relu", In: []graph.Arg{pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 1, Pool: c.Pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) { kernels.ReLURow(y, x) })
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "relu gradient", In: []graph.Arg{pictures(rank), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 2, Pool: c.Pool,
				Loop: func(k *graph.Call) graph.Loop { return each(k, kernels.ReLUGradRow) },
			}, out, dout)}
		},
	}, x)
}

// add is y = a + b for equal shapes; both inputs get dy.
func add(c *Context, layer string, a, b *G.Node) *G.Node {
	rank := a.Dims()
	return c.B.Apply(graph.Op{
		Name: "add", Layer: layer, In: []graph.Arg{pictures(rank), pictures(rank)}, Out: pictures(rank), InPlace: 1, Pool: c.Pool,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if !in[0].Eq(in[1]) {
				return nil, fmt.Errorf("shapes %v and %v differ", in[0], in[1])
			}
			return in[0], nil
		},
		Loop:     func(k *graph.Call) graph.Loop { return each(k, kernels.AddRow) },
		Wrt:      []bool{true, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{dout, dout} },
	}, a, b)
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
	return c.B.Apply(graph.Op{
		Name: "shortcut", Layer: layer, Attrs: fmt.Sprint(o), Pool: c.Pool,
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
	return c.B.Apply(graph.Op{
		Name: "shortcut", Layer: layer, Attrs: fmt.Sprint("codes", o), Pool: c.Pool,
		In: []graph.Arg{codes(4)}, Out: codes(4), Shape: fixedShape(o.outShape()...),
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[uint8]
			return graph.Loop{
				Before: func() error { x, y = k.Codes(0), k.OutCodes(); return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					from, to, zero := x.At(s, n), y.At(s, n), v.quant.zeroPoint()
					for i := range to {
						to[i] = zero
					}
					o.each(func(i, j int) { copy(to[i:][:o.from], from[j:]) })
				}},
			}
		},
		Wrt:      []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{o.gradient(c, layer, dout)} },
	}, v.codes)
}

func (o optionA) gradient(c *Context, layer string, dout *G.Node) *G.Node {
	return c.B.Apply(graph.Op{
		Name: "shortcut gradient", Layer: layer, Attrs: fmt.Sprint(o), Pool: c.Pool,
		In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(o.n, o.h, o.w, o.from),
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(dx, dy, _ []float32) {
				clear(dx)
				o.each(func(i, j int) { copy(dx[j:][:o.from], dy[i:]) })
			})
		},
	}, dout)
}

// averagePool averages each channel over all pixels: x (N, H, W, C), y (N, C).
func averagePool(c *Context, x *G.Node) *G.Node {
	s := x.Shape()
	n, pixels, ch := s[0], s[1]*s[2], s[3]
	return c.B.Apply(graph.Op{
		Name: "average pool", In: []graph.Arg{pictures(4)}, Out: pictures(2), Shape: fixedShape(n, ch), Pool: c.Pool,
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) {
				clear(y)
				for p := 0; p < pixels; p++ {
					kernels.AddRow(y, y, x[p*ch:][:ch])
				}
				for j := range y {
					y[j] /= float32(pixels)
				}
			})
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "average pool gradient", In: []graph.Arg{pictures(2)}, Out: pictures(4), Shape: fixedShape(s...), Pool: c.Pool,
				Loop: func(k *graph.Call) graph.Loop {
					return each(k, func(dx, dy, _ []float32) {
						for j, v := range dy {
							dx[j] = v / float32(pixels)
						}
						for p := 1; p < pixels; p++ {
							copy(dx[p*ch:][:ch], dx[:ch])
						}
					})
				},
			}, dout)}
		},
	}, x)
}
