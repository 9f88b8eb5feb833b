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
		Name: "relu", In: []graph.Arg{f32(rank)}, Out: f32(rank), Shape: sameShape(0), InPlace: 1,
		Forward: func(k *graph.Call) error { kernels.ReLU(c.Pool, k.OutF32(), k.F32(0)); return nil },
		Wrt:     []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "relu gradient", In: []graph.Arg{f32(rank), f32(rank)}, Out: f32(rank), Shape: sameShape(0), InPlace: 2,
				Forward: func(k *graph.Call) error {
					kernels.ReLUGrad(c.Pool, k.OutF32(), k.F32(0), k.F32(1))
					return nil
				},
			}, out, dout)}
		},
	}, x)
}

// add is y = a + b for equal shapes; both inputs get dy.
func add(c *Context, layer string, a, b *G.Node) *G.Node {
	rank := a.Dims()
	return c.B.Apply(graph.Op{
		Name: "add", Layer: layer, In: []graph.Arg{f32(rank), f32(rank)}, Out: f32(rank), InPlace: 1,
		Shape: func(in []tensor.Shape) (tensor.Shape, error) {
			if !in[0].Eq(in[1]) {
				return nil, fmt.Errorf("shapes %v and %v differ", in[0], in[1])
			}
			return in[0], nil
		},
		Forward:  func(k *graph.Call) error { kernels.Add(c.Pool, k.OutF32(), k.F32(0), k.F32(1)); return nil },
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
		c.Pool.For(n, func(_, i int) {
			for a := 0; a < oh; a++ {
				for b := 0; b < ow; b++ {
					f(((i*oh+a)*ow+b)*channels, ((i*h+a*stride)*w+b*stride)*from)
				}
			}
		})
	}
	return c.B.Apply(graph.Op{
		Name: "shortcut", Layer: layer, Attrs: fmt.Sprint(stride, channels),
		In: []graph.Arg{f32(4)}, Out: f32(4), Shape: fixedShape(n, oh, ow, channels),
		Forward: func(k *graph.Call) error {
			y, x := k.OutF32(), k.F32(0)
			clear(y)
			move(func(i, j int) { copy(y[i+left:][:from], x[j:]) })
			return nil
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "shortcut gradient", Layer: layer, Attrs: fmt.Sprint(stride, h, w, from),
				In: []graph.Arg{f32(4)}, Out: f32(4), Shape: fixedShape(n, h, w, from),
				Forward: func(k *graph.Call) error {
					dx, dy := k.OutF32(), k.F32(0)
					clear(dx)
					move(func(i, j int) { copy(dx[j:][:from], dy[i+left:]) })
					return nil
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
		Name: "average pool", In: []graph.Arg{f32(4)}, Out: f32(2), Shape: fixedShape(n, ch),
		Forward: func(k *graph.Call) error {
			y, x := k.OutF32(), k.F32(0)
			c.Pool.For(n, func(_, i int) {
				d := y[i*ch:][:ch]
				clear(d)
				for p := 0; p < pixels; p++ {
					for j, v := range x[(i*pixels+p)*ch:][:ch] {
						d[j] += v
					}
				}
				for j := range d {
					d[j] /= float32(pixels)
				}
			})
			return nil
		},
		Wrt: []bool{true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			return []*G.Node{c.B.Apply(graph.Op{
				Name: "average pool gradient", In: []graph.Arg{f32(2)}, Out: f32(4), Shape: fixedShape(s...),
				Forward: func(k *graph.Call) error {
					dx, dy := k.OutF32(), k.F32(0)
					c.Pool.For(n, func(_, i int) {
						row := dx[i*pixels*ch:][:pixels*ch]
						for j, v := range dy[i*ch:][:ch] {
							row[j] = v / float32(pixels)
						}
						for p := 1; p < pixels; p++ {
							copy(row[p*ch:][:ch], row[:ch])
						}
					})
					return nil
				},
			}, dout)}
		},
	}, x)
}
