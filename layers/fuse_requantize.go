package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// requantize: a quantizer with kernels moves codes without going through real values.
var requantize = rewrite{"requantize", "quantize(codes) becomes a table from code to code", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !o.q.fused() || o.relu || !s.in[0].givesCodes(p.c) {
		return false
	}
	return p.replace(s, requantizeOp{o}, s.in)
}}

// requantizeOp is a quantizer of codes.
type requantizeOp struct{ quantizeOp }

func (o requantizeOp) emit(c *Context, s *step) Value { return o.q.requantize(c, s.in[0].out) }

// requantize moves codes from one quantizer to another by way of the real value;
// the gradient is that of quantize on the dequantized value.
func (q *Quantizer) requantize(c *Context, v Value) Value {
	from, rank, shape := v.quant, v.codes.Dims(), v.codes.Shape()
	y := c.b.Apply(graph.Op{
		Name: "requantize", Layer: q.Name, Attrs: fmt.Sprint(from.levelRange(), q.levelRange()), Pixelwise: true, Pool: c.pool,
		In: []graph.Arg{codes(rank), f32(1), f32(1)}, Out: codes(rank), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[uint8]
			codes := &kernels.CodeMap{}
			return graph.Loop{
				Before: func() error {
					source := from.uniform(k.F32(1)[0])
					if err := q.updateActivations(c.Train, k, false, func() []float32 {
						real := make([]float32, len(k.U8(0)))
						kernels.DequantizeRow(real, k.U8(0), &source)
						return real
					}); err != nil {
						return err
					}
					x, y = k.Codes(0), k.OutCodes()
					codes.Set(source, q.uniform(k.F32(2)[0]))
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) { codes.Row(y.At(s, i), x.At(s, i)) }},
			}
		},
		Wrt: []bool{true, false, true},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node {
			size := q.elements(shape.TotalSize(), shape[0], shape[len(shape)-1])
			l := &kernels.RequantizeGrad{N: shape[0]}
			dx := c.b.Apply(graph.Op{
				Name: "requantize gradient", Layer: q.Name, Attrs: fmt.Sprint(q.levelRange(), size), Pixelwise: true, Pool: c.pool,
				In: []graph.Arg{codes(rank), f32(1), f32(1), pictures(rank)}, Out: pictures(rank), Shape: sameShape(0), InPlace: 4,
				Aux: func([]tensor.Shape) []graph.Buffer { return []graph.Buffer{scalar} },
				Loop: func(k *graph.Call) graph.Loop {
					return graph.Loop{
						Body: l,
						Before: func() error {
							l.DX, l.Stream, l.DY = k.OutPictures(), k.Codes(0), k.Pictures(3)
							l.From, l.To = from.uniform(k.F32(1)[0]), q.uniform(k.F32(2)[0])
							return nil
						},
						After: func() error { k.Aux[0].Float32s()[0] = q.scaleGradient(l.Sum, size); return nil },
					}
				},
			}, in[0], in[1], in[2], dout)
			return []*G.Node{dx, nil, c.b.Aux(dx, 0)}
		},
	}, v.codes, c.node(from.Scale), c.node(q.Scale))
	return Value{codes: y, quant: q}
}
