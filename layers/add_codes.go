package layers

import (
	"fmt"
	"strings"

	"github.com/qat-go/qat/integer"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// addCodesOp is the sum of two tensors of codes, through ReLU if relu, in codes of q: the end of a residual block in evaluation.
type addCodesOp struct {
	sum  string // the node
	q    *Quantizer
	relu bool
}

// addCodes: in evaluation a residual sum is done on the output's scale.
var addCodes = rewrite{"add_codes", "quantize(relu(codes + codes)) becomes round(codes*ratio + codes*ratio), in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if p.c.Train || !ok || !o.q.plain() {
		return false
	}
	sum := s.in[0]
	if _, ok := alone[addOp](p, sum); !ok || !sum.in[0].givesCodes(p.c) || !sum.in[1].givesCodes(p.c) {
		return false
	}
	return p.replace(s, addCodesOp{sum.name, o.q, o.relu}, sum.in, sum)
}}

// blockOf is the name of the block that a sum ends.
func blockOf(sum string) string { return strings.TrimSuffix(sum, ".add") }

func (o addCodesOp) quantizer() *Quantizer { return o.q }

func (addCodesOp) givesCodes(*Context, *step) bool { return true }

func (o addCodesOp) emit(c *Context, s *step) Value {
	branch, stream := s.in[0].out, s.in[1].out
	y := c.b.Apply(graph.Op{
		Name: "add, quantize", Layer: blockOf(o.sum), Attrs: fmt.Sprint(o.q.levelRange()),
		In: []graph.Arg{codes(4), codes(4), f32(1), f32(1), f32(1)}, Out: codes(4), Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, from, to kernels.Pictures[uint8]
			var sum kernels.CodeSum
			return graph.Loop{
				Before: func() error {
					if err := o.q.updateActivations(false, k, o.relu, nil); err != nil {
						return err
					}
					x, from, to = k.Codes(0), k.Codes(1), k.OutCodes()
					scale := k.F32(4)[0]
					sum = kernels.CodeSum{
						RatioA: k.F32(2)[0] / scale, ZeroA: branch.quant.zeroPoint(),
						RatioB: k.F32(3)[0] / scale, ZeroB: stream.quant.zeroPoint(), ZeroPoint: o.q.zeroPoint(),
					}
					sum.Lo, sum.Hi = o.q.bounds(o.relu)
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.AddCodesRow(to.At(s, n), x.At(s, n), from.At(s, n), &sum) }},
			}
		},
	}, branch.codes, stream.codes, c.node(branch.quant.Scale), c.node(stream.quant.Scale), c.node(o.q.Scale))
	return Value{codes: y, quant: o.q}
}

func (o addCodesOp) lower(l *lowering, s *step) error {
	if err := l.ready(blockOf(o.sum), o.q); err != nil {
		return err
	}
	out := l.tensor(s, o.q, l.shape(s.in[0]))
	lo, hi := l.net.Tensors[out].Range()
	if o.relu {
		lo = max(lo, l.net.Tensors[out].ZeroPoint)
	}
	l.net.Layers = append(l.net.Layers, &integer.Add{Name: o.sum, A: l.of[s.in[0]], B: l.of[s.in[1]], Out: out, Lo: lo, Hi: hi})
	return nil
}
