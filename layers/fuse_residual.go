package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// residualSum: the end of a residual block in one walk.
var residualSum = rewrite{"residual_sum", "quantize(relu(quantize(batch_norm(z)) + codes)) becomes one operation on z and codes", func(p *plan, s *step) bool {
	out, ok := s.op.(quantizeOp)
	if !ok || !out.relu || out.top > 0 || !out.q.fused() {
		return false
	}
	sum := s.in[0]
	if _, ok := alone[addOp](p, sum); !ok || !sum.in[1].givesCodes(p.c) {
		return false
	}
	branch := sum.in[0]
	q, ok := alone[quantizeOp](p, branch)
	if !ok || q.relu || !q.q.fused() {
		return false
	}
	before := branch.in[0]
	norm, ok := alone[batchNormOp](p, before)
	if !ok {
		return false
	}
	in := append(append([]*step{}, before.in...), sum.in[1])
	return p.replace(s, residualOp{blockOf(sum.name), norm, q.q, out.q}, in, sum, branch, before)
}}

// residualOp is the end of a block on codes: a batch norm, quantized by
// branch, plus the stream, through ReLU and output. It reads what the batch norm reads, and the stream.
type residualOp struct {
	block          string
	norm           batchNormOp
	branch, output *Quantizer
}

func (b residualOp) quantizer() *Quantizer { return b.output }

func (residualOp) givesCodes(*Context, *step) bool { return true }

func (b residualOp) emit(c *Context, s *step) Value {
	x := s.in[2].out
	n, from := b.norm.normed(c, s.in), x.quant
	shape := n.z.Shape()
	ch := shape[3]
	size := shape.TotalSize()
	af, bf := make([]float32, ch), make([]float32, ch)
	in := []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(1), codes(4), f32(1), f32(1)}
	codesOut := c.b.Apply(graph.Op{
		Name: "batch norm, add, quantize", Layer: b.block, Attrs: fmt.Sprint(b.branch.levelRange(), b.output.levelRange(), n.Eps), Pixelwise: true, Pool: c.pool,
		In: in, Out: codes(4), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var z kernels.Pictures[float32]
			var stream, y kernels.Pictures[uint8]
			var branch, source, to kernels.Uniform
			return graph.Loop{
				Before: func() error {
					normFactors(af, bf, k.F32(1), k.F32(2), k.F32(3))
					if err := b.ready(c, k, af, bf, from); err != nil {
						return err
					}
					z, stream, y = k.Pictures(0), k.Codes(5), k.OutCodes()
					branch, source, to = b.branch.uniform(k.F32(4)[0]), from.uniform(k.F32(6)[0]), b.output.uniformBehind(true, k.F32(7)[0])
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					kernels.ResidualQuantizeRow(y.At(s, i), z.At(s, i), af, bf, stream.At(s, i), &branch, &source, &to)
				}},
			}
		},
		Wrt: []bool{true, true, true, false, true, true, false, true},
		Gradient: func(nodes []*G.Node, out, dout *G.Node) []*G.Node {
			nTo, nBranch := b.output.elements(size, shape[0], ch), b.branch.elements(size, shape[0], ch)
			l := &kernels.ResidualSums{N: shape[0], A: make([]float32, ch), B: make([]float32, ch), Sum: make([]float64, ch), Dot: make([]float64, ch)}
			dx := c.b.Apply(graph.Op{
				Name: "batch norm, add, quantize: gradient", Layer: b.block, Attrs: fmt.Sprint(nTo, nBranch), Pixelwise: true, Pool: c.pool,
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
							l.Branch, l.From, l.To = b.branch.uniform(k.F32(4)[0]), from.uniform(k.F32(6)[0]), b.output.uniformBehind(true, k.F32(7)[0])
							return nil
						},
						After: func() error {
							normSums(k.Aux[0].Float32s(), l.Sum, l.Dot, k.F32(3))
							k.Aux[1].Float32s()[0], k.Aux[2].Float32s()[0] = b.output.scaleGradient(l.Scale, nTo), b.branch.scaleGradient(l.BranchScale, nBranch)
							return nil
						},
					}
				},
			}, append(append([]*G.Node{}, nodes...), dout)...)
			sums := c.b.Aux(dx, 0)
			dz := n.quantizedGradient(c, quantizeOp{q: b.branch}, sums, dx)
			return []*G.Node{dz, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil, c.b.Aux(dx, 2), dx, nil, c.b.Aux(dx, 1)}
		},
	}, n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, c.node(b.branch.Scale), x.codes, c.node(from.Scale), c.node(b.output.Scale))
	return Value{codes: codesOut, quant: b.output}
}

// ready calibrates the block's quantizers: the branch on the batch norm, the
// output on the sum.
func (b residualOp) ready(c *Context, k *graph.Call, af, bf []float32, from *Quantizer) error {
	if err := b.branch.updateActivations(c.Train, k, false, func() []float32 { return affineOf(k.F32(0), af, bf) }); err != nil {
		return err
	}
	return b.output.updateActivations(c.Train, k, true, func() []float32 {
		x := affineOf(k.F32(0), af, bf)
		code, branch, source := make([]uint8, len(x)), b.branch.uniform(b.branch.Scale.Data()[0]), from.uniform(from.Scale.Data()[0])
		kernels.QuantizeRow(code, x, &branch)
		kernels.DequantizeRow(x, code, &branch)
		stream := make([]float32, len(x))
		kernels.DequantizeRow(stream, k.U8(5), &source)
		kernels.AddRow(x, x, stream)
		return x
	})
}
