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

// normQuantize is batch norm, ReLU if relu, and a fused quantizer: codes of z*a + b.
func (q *Quantizer) normQuantize(c *Context, n *normed, relu bool) Value {
	shape := n.z.Shape()
	ch := shape[3]
	a, b := make([]float32, ch), make([]float32, ch)
	size := q.elements(shape.TotalSize(), shape[0], ch)
	y := c.B.Apply(graph.Op{
		Name: "batch norm, quantize", Layer: q.Name, Attrs: fmt.Sprint(q.Range, n.Eps), Pool: c.Pool,
		In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(1)}, Out: codes(4), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var z kernels.Pictures[float32]
			var y kernels.Pictures[uint8]
			var step kernels.Step
			return graph.Loop{
				Before: func() error {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					if err := q.ready(c, k, relu, func() []float32 { return affineOf(k.F32(0), a, b) }); err != nil {
						return err
					}
					z, y, step = k.Pictures(0), k.OutCodes(), q.step(k.F32(4)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) { kernels.AffineQuantizeRow(y.At(s, i), z.At(s, i), a, b, &step) }},
			}
		},
		Wrt: []bool{true, true, true, false, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			l := &kernels.StepSums{N: shape[0], A: make([]float32, ch), B: make([]float32, ch), Sum: make([]float64, ch), Dot: make([]float64, ch)}
			sums := c.B.Apply(graph.Op{
				Name: "batch norm, quantize: gradient sums", Layer: q.Name, Attrs: fmt.Sprint(q.Range, size), Pool: c.Pool,
				In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(1), pictures(4)}, Out: f32(2), Shape: fixedShape(2, ch),
				Aux: func([]tensor.Shape) []graph.Buffer { return []graph.Buffer{scalar} },
				Loop: func(k *graph.Call) graph.Loop {
					return graph.Loop{
						Body: l,
						Before: func() error {
							normFactors(l.A, l.B, k.F32(1), k.F32(2), k.F32(3))
							l.Z, l.DY, l.Shift, l.Q = k.Pictures(0), k.Pictures(5), k.F32(3)[:ch], q.step(k.F32(4)[0])
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
			dz := n.stepGradient(c, q, sums, dout)
			return []*G.Node{dz, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil, c.B.Aux(sums, 0)}
		},
	}, n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, c.node(q.Scale))
	return Value{codes: y, quant: q}
}

// stepGradient is the gradient in z of a batch norm followed by the quantizer q,
// whose output has gradient dout; sums are (2, C): dbeta and dgamma.
func (n *normed) stepGradient(c *Context, q *Quantizer, sums, dout *G.Node) *G.Node {
	ch := n.z.Shape()[3]
	a, b, p, u, r := make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch)
	return c.B.Apply(graph.Op{
		Name: "batch norm, quantize: input gradient", Layer: q.Name, Attrs: fmt.Sprint(q.Range), Pool: c.Pool,
		In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(2), f32(1), pictures(4)}, Out: pictures(4), Shape: sameShape(0), InPlace: 7,
		Loop: func(k *graph.Call) graph.Loop {
			var dz, z, dy kernels.Pictures[float32]
			var step kernels.Step
			return graph.Loop{
				Before: func() error {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					normSlopes(p, u, r, k.F32(1), k.F32(3), k.F32(4), n.count())
					dz, z, dy, step = k.OutPictures(), k.Pictures(0), k.Pictures(6), q.step(k.F32(5)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					kernels.AffineStepGradRow(dz.At(s, i), dy.At(s, i), z.At(s, i), a, b, p, u, r, &step)
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

// residual is the end of a block on codes: the batch norm y, quantized by
// Branch, plus the stream x, through ReLU and Output.
func (b *Block) residual(c *Context, y, x Value) Value {
	x = b.shortcutCodes(c, x)
	n, from, shape := y.norm, x.quant, y.norm.z.Shape()
	ch := shape[3]
	size := shape.TotalSize()
	af, bf := make([]float32, ch), make([]float32, ch)
	in := []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(1), codes(4), f32(1), f32(1)}
	codesOut := c.B.Apply(graph.Op{
		Name: "batch norm, add, quantize", Layer: b.Name, Attrs: fmt.Sprint(b.Branch.Range, b.Output.Range, n.Eps), Pool: c.Pool,
		In: in, Out: codes(4), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var z kernels.Pictures[float32]
			var stream, y kernels.Pictures[uint8]
			var branch, source, to kernels.Step
			return graph.Loop{
				Before: func() error {
					normFactors(af, bf, k.F32(1), k.F32(2), k.F32(3))
					if err := b.ready(c, k, af, bf, from); err != nil {
						return err
					}
					z, stream, y = k.Pictures(0), k.Codes(5), k.OutCodes()
					branch, source, to = b.Branch.step(k.F32(4)[0]), from.step(k.F32(6)[0]), b.Output.step(k.F32(7)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					kernels.ResidualQuantizeRow(y.At(s, i), z.At(s, i), af, bf, stream.At(s, i), &branch, &source, &to)
				}},
			}
		},
		Wrt: []bool{true, true, true, false, true, true, false, true},
		Gradient: func(nodes []*G.Node, out, dout *G.Node) []*G.Node {
			nTo, nBranch := b.Output.elements(size, shape[0], ch), b.Branch.elements(size, shape[0], ch)
			l := &kernels.ResidualSums{N: shape[0], A: make([]float32, ch), B: make([]float32, ch), Sum: make([]float64, ch), Dot: make([]float64, ch)}
			dx := c.B.Apply(graph.Op{
				Name: "batch norm, add, quantize: gradient", Layer: b.Name, Attrs: fmt.Sprint(nTo, nBranch), Pool: c.Pool,
				In: append(append([]graph.Arg{}, in...), pictures(4)), Out: pictures(4), Shape: sameShape(0), InPlace: 9,
				Aux: func([]tensor.Shape) []graph.Buffer {
					return []graph.Buffer{{Dtype: tensor.Float32, Shape: tensor.Shape{2, ch}}, scalar, scalar}
				},
				Loop: func(k *graph.Call) graph.Loop {
					return graph.Loop{
						Body: l,
						Before: func() error {
							normFactors(l.A, l.B, k.F32(1), k.F32(2), k.F32(3))
							l.DX, l.Z, l.DY, l.Stream, l.Shift = k.OutPictures(), k.Pictures(0), k.Pictures(8), k.Codes(5), k.F32(3)[:ch]
							l.Branch, l.From, l.To = b.Branch.step(k.F32(4)[0]), from.step(k.F32(6)[0]), b.Output.step(k.F32(7)[0])
							return nil
						},
						After: func() error {
							normSums(k.Aux[0].Float32s(), l.Sum, l.Dot, k.F32(3))
							k.Aux[1].Float32s()[0], k.Aux[2].Float32s()[0] = b.Output.scaleGradient(l.Scale, nTo), b.Branch.scaleGradient(l.BranchScale, nBranch)
							return nil
						},
					}
				},
			}, append(append([]*G.Node{}, nodes...), dout)...)
			sums := c.B.Aux(dx, 0)
			dz := n.stepGradient(c, b.Branch, sums, dx)
			return []*G.Node{dz, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil, c.B.Aux(dx, 2), dx, nil, c.B.Aux(dx, 1)}
		},
	}, n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, c.node(b.Branch.Scale), x.codes, c.node(from.Scale), c.node(b.Output.Scale))
	return Value{codes: codesOut, quant: b.Output}
}

// ready calibrates the block's quantizers: the branch on the batch norm, the
// output on the sum.
func (b *Block) ready(c *Context, k *graph.Call, af, bf []float32, from *Quantizer) error {
	if err := b.Branch.ready(c, k, false, func() []float32 { return affineOf(k.F32(0), af, bf) }); err != nil {
		return err
	}
	return b.Output.ready(c, k, true, func() []float32 {
		x := affineOf(k.F32(0), af, bf)
		code, branch, source := make([]uint8, len(x)), b.Branch.step(b.Branch.Scale.Data()[0]), from.step(from.Scale.Data()[0])
		kernels.QuantizeRow(code, x, &branch)
		kernels.DequantizeRow(x, code, &branch)
		stream := make([]float32, len(x))
		kernels.DequantizeRow(stream, k.U8(5), &source)
		kernels.AddRow(x, x, stream)
		return x
	})
}

// requantize moves codes from one quantizer to another by way of the real value;
// the gradient is that of Quantize on the dequantized value.
func (q *Quantizer) requantize(c *Context, v Value) Value {
	from, rank, shape := v.quant, v.codes.Dims(), v.codes.Shape()
	y := c.B.Apply(graph.Op{
		Name: "requantize", Layer: q.Name, Attrs: fmt.Sprint(from.Range, q.Range), Pool: c.Pool,
		In: []graph.Arg{codes(rank), f32(1), f32(1)}, Out: codes(rank), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[uint8]
			codes := &kernels.CodeMap{}
			return graph.Loop{
				Before: func() error {
					source := from.step(k.F32(1)[0])
					if err := q.ready(c, k, false, func() []float32 {
						real := make([]float32, len(k.U8(0)))
						kernels.DequantizeRow(real, k.U8(0), &source)
						return real
					}); err != nil {
						return err
					}
					x, y = k.Codes(0), k.OutCodes()
					codes.Set(source, q.step(k.F32(2)[0]))
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) { codes.Row(y.At(s, i), x.At(s, i)) }},
			}
		},
		Wrt: []bool{true, false, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			size := q.elements(shape.TotalSize(), shape[0], shape[len(shape)-1])
			l := &kernels.RequantizeGrad{N: shape[0]}
			dx := c.B.Apply(graph.Op{
				Name: "requantize gradient", Layer: q.Name, Attrs: fmt.Sprint(q.Range, size), Pool: c.Pool,
				In: []graph.Arg{codes(rank), f32(1), f32(1), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 4,
				Aux: func([]tensor.Shape) []graph.Buffer { return []graph.Buffer{scalar} },
				Loop: func(k *graph.Call) graph.Loop {
					return graph.Loop{
						Body: l,
						Before: func() error {
							l.DX, l.Stream, l.DY = k.OutPictures(), k.Codes(0), k.Pictures(3)
							l.From, l.To = from.step(k.F32(1)[0]), q.step(k.F32(2)[0])
							return nil
						},
						After: func() error { k.Aux[0].Float32s()[0] = q.scaleGradient(l.Sum, size); return nil },
					}
				},
			}, in[0], in[1], in[2], dout)
			return []*G.Node{dx, nil, c.B.Aux(dx, 0)}
		},
	}, v.codes, c.node(from.Scale), c.node(q.Scale))
	return Value{codes: y, quant: q}
}
