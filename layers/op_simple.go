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

// shortcut is the parameter-free projection of ResNets on CIFAR (He et al.
// 2015, section 4.2, option A): every stride-th pixel, and zeros for new
// channels, half before and half after. x is (N, H, W, C), y (N, H/stride,
// W/stride, channels).
func shortcut(c *Context, layer string, x *G.Node, stride, channels int) *G.Node {
	s := x.Shape()
	n, h, w, from := s[0], s[1], s[2], s[3]
	oh, ow, left := (h+stride-1)/stride, (w+stride-1)/stride, (channels-from)/2
	// move calls f for each output pixel with the pixel it comes from.
	move := func(f func(y, x int)) {
		for a := 0; a < oh; a++ {
			for b := 0; b < ow; b++ {
				f((a*ow+b)*channels, (a*stride*w+b*stride)*from)
			}
		}
	}
	return c.B.Apply(graph.Op{
		Name: "shortcut", Layer: layer, Attrs: fmt.Sprint(stride, channels), Pool: c.Pool,
		In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(n, oh, ow, channels),
		Loop: func(k *graph.Call) graph.Loop {
			return each(k, func(y, x, _ []float32) {
				clear(y)
				move(func(i, j int) { copy(y[i+left:][:from], x[j:]) })
			})
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "shortcut gradient", Layer: layer, Attrs: fmt.Sprint(stride, h, w, from), Pool: c.Pool,
				In: []graph.Arg{pictures(4)}, Out: pictures(4), Shape: fixedShape(n, h, w, from),
				Loop: func(k *graph.Call) graph.Loop {
					return each(k, func(dx, dy, _ []float32) {
						clear(dx)
						move(func(i, j int) { copy(dx[j:][:from], dy[i+left:]) })
					})
				},
			}, dout)}
		},
	}, x)
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
