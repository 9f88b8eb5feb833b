package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// The operations below are several of the others in one walk over memory, with
// the same bits: what lies between them is computed again in the backward pass
// instead of kept.

// scalar is the buffer of a scale's gradient.
var scalar = graph.Buffer{Dtype: tensor.Float32, Shape: tensor.Shape{1}}

// batchNormQuantize: a quantizer with kernels does the work of the batch norm before it.
var batchNormQuantize = rewrite{"batch_norm_quantize", "quantize(batch_norm(z)) becomes quantize(z*a + b)", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !o.q.fused() {
		return false
	}
	before := s.in[0]
	norm, ok := alone[batchNormOp](p, before)
	return ok && p.replace(s, normQuantizeOp{o, norm}, before.in, before)
}}

// normQuantizeOp is a batch norm and a quantizer; it reads what the batch norm reads.
type normQuantizeOp struct {
	quantizeOp
	norm batchNormOp
}

func (o normQuantizeOp) emit(c *Context, s *step) Value {
	return o.normQuantize(c, o.norm.normed(c, s.in))
}

// normQuantize is batch norm and a fused quantizer: codes of z*a + b.
func (o quantizeOp) normQuantize(c *Context, n *normed) Value {
	q := o.q
	shape := n.z.Shape()
	ch := shape[3]
	a, b := make([]float32, ch), make([]float32, ch)
	size := q.elements(shape.TotalSize(), shape[0], ch)
	y := c.b.Apply(graph.Op{
		Name: "batch norm, quantize", Layer: q.Name, Attrs: fmt.Sprint(q.levelRange(), n.Eps), Pixelwise: true, Pool: c.pool,
		In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(1)}, Out: codes(4), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var z kernels.Pictures[float32]
			var y kernels.Pictures[uint8]
			var to kernels.Uniform
			return graph.Loop{
				Before: func() error {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					if err := q.updateActivations(c.Train, k, o.relu, func() []float32 { return o.seen(affineOf(k.F32(0), a, b)) }); err != nil {
						return err
					}
					z, y, to = k.Pictures(0), k.OutCodes(), o.uniform(k.F32(4)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) { kernels.AffineQuantizeRow(y.At(s, i), z.At(s, i), a, b, &to) }},
			}
		},
		Wrt: []bool{true, true, true, false, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			l := &kernels.UniformSums{N: shape[0], A: make([]float32, ch), B: make([]float32, ch), Sum: make([]float64, ch), Dot: make([]float64, ch)}
			sums := c.b.Apply(graph.Op{
				Name: "batch norm, quantize: gradient sums", Layer: q.Name, Attrs: fmt.Sprint(q.levelRange(), size), Pixelwise: true, Pool: c.pool,
				In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(1), pictures(4)}, Out: f32(2), Shape: fixedShape(2, ch),
				Aux: func([]tensor.Shape) []graph.Buffer { return []graph.Buffer{scalar} },
				Loop: func(k *graph.Call) graph.Loop {
					return graph.Loop{
						Body: l,
						Before: func() error {
							normFactors(l.A, l.B, k.F32(1), k.F32(2), k.F32(3))
							l.Z, l.DY, l.Shift, l.Q = k.Pictures(0), k.Pictures(5), k.F32(3)[:ch], o.uniform(k.F32(4)[0])
							return nil
						},
						After: func() error {
							normSums(k.OutF32(), l.Sum, l.Dot, k.F32(3))
							k.Aux[0].Float32s()[0] = q.scaleGradient(l.Scale, size)
							return nil
						},
					}
				},
			}, append(append([]*G.Node{}, in...), dout)...)
			dz := n.quantizedGradient(c, o, sums, dout)
			return []*G.Node{dz, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil, c.b.Aux(sums, 0)}
		},
	}, n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, c.node(q.Scale))
	return Value{codes: y, quant: q}
}

// quantizedGradient is the gradient in z of a batch norm followed by the quantizer o, whose output has gradient dout; sums are
// (2, C): dbeta and dgamma.
func (n *normed) quantizedGradient(c *Context, o quantizeOp, sums, dout *G.Node) *G.Node {
	q, ch := o.q, n.z.Shape()[3]
	a, b, p, u, r := make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch)
	return c.b.Apply(graph.Op{
		Name: "batch norm, quantize: input gradient", Layer: q.Name, Attrs: fmt.Sprint(q.levelRange()), Pixelwise: true, Pool: c.pool,
		In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(2), f32(1), pictures(4)}, Out: pictures(4), Shape: sameShape(0), InPlace: 7,
		Loop: func(k *graph.Call) graph.Loop {
			var dz, z, dy kernels.Pictures[float32]
			var to kernels.Uniform
			return graph.Loop{
				Before: func() error {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					normSlopes(p, u, r, k.F32(1), k.F32(3), k.F32(4), n.count())
					dz, z, dy, to = k.OutPictures(), k.Pictures(0), k.Pictures(6), o.uniform(k.F32(5)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					kernels.AffineUniformGradRow(dz.At(s, i), dy.At(s, i), z.At(s, i), a, b, p, u, r, &to)
				}},
			}
		},
	}, n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, sums, c.node(q.Scale), dout)
}

// normSums writes (2, C): dbeta and dgamma, from sums of dy and of dy*(x - mean).
func normSums(out []float32, sum, dot []float64, stats []float32) {
	c := len(sum)
	for j := range sum {
		out[j], out[c+j] = float32(sum[j]), float32(dot[j]*float64(stats[c+j]))
	}
}

// affineOf returns x*a[c] + b[c].
func affineOf(x, a, b []float32) []float32 {
	y := make([]float32, len(x))
	kernels.AffineRow(y, x, a, b)
	return y
}
