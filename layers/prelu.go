package layers

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

func planPReLU(p *plan, l *layer, in []*step) *step {
	return p.add(l.Name, preluOp{l.weight()}, in...)
}

// preluOp is x, times a slope that is learned for each channel where it is negative.
type preluOp struct{ slope *Array }

func (o preluOp) emit(c *Context, s *step) Value {
	return Value{float: o.apply(c, s.name, s.in[0].out.Float(c))}
}

func (o preluOp) each(y, x []float32) { prelu(y, x, o.slope.Data()) }

func prelu(y, x, slope []float32) {
	for i, v := range x {
		if y[i] = v; v < 0 {
			y[i] = v * slope[i%len(slope)]
		}
	}
}

// apply is y = x, or slope[c]*x where x is negative; dx is dy, or slope[c]*dy where x is not positive, and the gradient of a
// slope is the sum of dy*x over what is negative.
func (o preluOp) apply(c *Context, layer string, x *G.Node) *G.Node {
	channels := len(o.slope.Data())
	return c.b.Apply(graph.Op{
		Name: "prelu", Layer: layer, In: []graph.Arg{pictures(4), f32(1)}, Out: pictures(4), Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[float32]
			var slope []float32
			return graph.Loop{
				Before: func() error { x, y, slope = k.Pictures(0), k.OutPictures(), k.F32(1); return nil },
				Body:   &kernels.Each{Do: func(s *kernels.Scratch, n int) { prelu(y.At(s, n), x.At(s, n), slope) }},
			}
		},
		Wrt: []bool{true, true},
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			parts := newParts(in[0].Shape()[0], channels)
			dx := c.b.Apply(graph.Op{
				Name: "prelu gradient", Layer: layer, In: []graph.Arg{pictures(4), f32(1), pictures(4)}, Out: pictures(4), Shape: sameShape(0), InPlace: 3, Pool: c.pool,
				Aux: func([]tensor.Shape) []graph.Buffer {
					return []graph.Buffer{{Dtype: tensor.Float32, Shape: tensor.Shape{channels}}}
				},
				Loop: func(k *graph.Call) graph.Loop {
					var dx, x, dy kernels.Pictures[float32]
					var slope []float32
					return graph.Loop{
						Before: func() error {
							dx, x, slope, dy = k.OutPictures(), k.Pictures(0), k.F32(1), k.Pictures(2)
							return nil
						},
						Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
							preluGrad(dx.At(s, n), parts[n], x.At(s, n), dy.At(s, n), slope)
						}},
						After: func() error { sumParts(auxParams(k), parts); return nil },
					}
				},
			}, in[0], in[1], dout)
			return []*G.Node{dx, c.b.Aux(dx, 0)}
		},
	}, x, c.node(o.slope))
}

// preluGrad writes dx, and the slopes' gradients of one image.
func preluGrad(dx []float32, dslope estimators.Params, x, dy, slope []float32) {
	sums := make([]float64, len(slope))
	for i, v := range x {
		g := dy[i]
		if dx[i] = g; !(v > 0) {
			dx[i] = g * slope[i%len(slope)]
			sums[i%len(slope)] += float64(g) * float64(v)
		}
	}
	for c, v := range sums {
		dslope[0][c] = float32(v)
	}
}
