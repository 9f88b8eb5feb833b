package layers

import (
	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// addBias is y = x + b for each channel: x (N, H, W, C), b (C).
func addBias(c *Context, layer string, x, b *G.Node) *G.Node {
	channels := b.Shape()[0]
	return c.b.Apply(graph.Op{
		Name: "bias", Layer: layer, In: []graph.Arg{pictures(4), f32(1)}, Out: pictures(4), Shape: sameShape(0), InPlace: 1, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			one, bias := make([]float32, channels), make([]float32, channels)
			for i := range one {
				one[i] = 1
			}
			return affine(k, one, bias, func() { copy(bias, k.F32(1)) })
		},
		Wrt: []bool{true, true},
		Gradient: func(_ []*G.Node, _, dout *G.Node) []*G.Node {
			return []*G.Node{dout, channelSums(c, layer, dout, channels)}
		},
	}, x, b)
}

// channelSums is the sum of x (N, H, W, C) over images and pixels, each image's in float64 and those in order.
func channelSums(c *Context, layer string, x *G.Node, channels int) *G.Node {
	images := x.Shape()[0]
	return c.b.Apply(graph.Op{
		Name: "bias gradient", Layer: layer, In: []graph.Arg{pictures(4)}, Out: f32(1), Shape: fixedShape(channels), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.ChannelTotals{Sum: make([]float64, channels), N: images}
			return graph.Loop{
				Body:   l,
				Before: func() error { l.X = k.Pictures(0); return nil },
				After: func() error {
					for j, sum := range l.Sum {
						k.OutF32()[j] = float32(sum)
					}
					return nil
				},
			}
		},
	}, x)
}
