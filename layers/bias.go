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
			var x, y kernels.Pictures[float32]
			var b []float32
			return graph.Loop{
				Before: func() error { x, y, b = k.Pictures(0), k.OutPictures(), k.F32(1); return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					x, y := x.At(s, n), y.At(s, n)
					for i := 0; i < len(y); i += channels {
						kernels.AddRow(y[i:][:channels], x[i:][:channels], b)
					}
				}},
			}
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
			var x kernels.Pictures[float32]
			sums := make([]float64, images*channels)
			return graph.Loop{
				Before: func() error { x = k.Pictures(0); return nil },
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					of := sums[n*channels:][:channels]
					clear(of)
					for x := x.At(s, n); len(x) > 0; x = x[channels:] {
						for j, v := range x[:channels] {
							of[j] += float64(v)
						}
					}
				}},
				After: func() error {
					for j, out := 0, k.OutF32(); j < channels; j++ {
						sum := 0.0
						for n := range images {
							sum += sums[n*channels+j]
						}
						out[j] = float32(sum)
					}
					return nil
				},
			}
		},
	}, x)
}
