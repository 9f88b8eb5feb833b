package layers

import (
	"fmt"
	"slices"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// elementwise is an operation on each element of pixels in evaluation: it writes y from x, which may be the same.
type elementwise interface {
	operation
	each(y, x []float32)
}

func (o reluOp) each(y, x []float32) { kernels.ReLURow(y, x) }

func (o runningNormOp) each(y, x []float32) {
	a, b := make([]float32, len(o.norm.Gamma.Data())), make([]float32, len(o.norm.Gamma.Data()))
	o.norm.runningFactors(a, b)
	kernels.AffineRow(y, x, a, b)
}

func (o rpreluOp) each(y, x []float32) {
	if err := o.math.Forward(y, x, [][]float32{o.Gamma.Data(), o.Zeta.Data(), o.Beta.Data()}); err != nil {
		panic(err) // the lengths are those of the network's shapes
	}
}

// lookupOp is functions of each code, quantized: a table for each channel.
type lookupOp struct {
	quantizeOp
	f []elementwise // in order
}

// lookup: in evaluation what batch norm that no convolution has, and functions like PReLU, make of codes stands in tables.
var lookup = rewrite{"lookup", "quantize(f(codes)) becomes a table of f, in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if p.c.Train || !ok || !o.q.even() {
		return false
	}
	var f []elementwise
	var swallowed []*step
	from := s.in[0]
	for {
		e, ok := alone[elementwise](p, from)
		if !ok {
			break
		}
		f, swallowed, from = append(f, e), append(swallowed, from), from.in[0]
	}
	if len(f) == 0 || !from.givesCodes(p.c) {
		return false
	}
	slices.Reverse(f)
	return p.replace(s, lookupOp{quantizeOp: o, f: f}, []*step{from}, swallowed...)
}}

func (lookupOp) givesCodes(*Context, *step) bool { return true }

// table has what becomes of each code of a tensor, (codes, channels), from the lowest on.
func (o lookupOp) table(from integer.Tensor) []uint8 {
	lo, hi := from.Range()
	x := make([]float32, (int(hi)-int(lo)+1)*from.C)
	for i := range x {
		x[i] = float32(int(lo)+i/from.C-int(from.ZeroPoint)) * from.Scale
	}
	for _, f := range o.f {
		f.each(x, x)
	}
	z := o.q.zeroPoint()
	lowest, highest := o.q.bounds(o.relu)
	to := kernels.Uniform{Scale: o.q.Scale.Data()[0], Qn: float32(int(lowest) - int(z)), Qp: float32(int(highest) - int(z)), ZeroPoint: z}
	table := make([]uint8, len(x))
	kernels.QuantizeRow(table, x, &to)
	return table
}

func (o lookupOp) emit(c *Context, s *step) Value {
	from, x := s.in[0].out.quant, s.in[0].out.codes
	channels := x.Shape()[3]
	y := c.b.Apply(graph.Op{
		Name: "lookup, quantize", Layer: o.q.Name, Attrs: fmt.Sprint(len(o.f)), In: []graph.Arg{codes(4)}, Out: codes(4), Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[uint8]
			var table []uint8
			var lo int
			return graph.Loop{
				Before: func() error {
					if err := o.q.updateActivations(false, k, false, nil); err != nil {
						return err
					}
					t := from.tensor(networks.Shape{H: 1, W: 1, C: channels})
					lowest, _ := t.Range()
					x, y, lo, table = k.Codes(0), k.OutCodes(), int(lowest), o.table(t)
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
					x, y := x.At(s, n), y.At(s, n)
					for p := 0; p < len(x); p += channels {
						for j, v := range x[p:][:channels] {
							y[p+j] = table[(int(v)-lo)*channels+j]
						}
					}
				}},
			}
		},
	}, x)
	return Value{codes: y, quant: o.q}
}

func (o lookupOp) lower(l *lowering, s *step) error {
	if err := l.ready(s.name, o.q); err != nil {
		return err
	}
	in := l.of[s.in[0]]
	shape := l.shape(s.in[0])
	out := l.tensor(s, o.q, shape)
	byCode := o.table(l.net.Tensors[in])
	codes := len(byCode) / shape.C
	table := make([]uint8, len(byCode))
	same := true
	for i, v := range byCode {
		code, channel := i/shape.C, i%shape.C
		table[channel*codes+code] = v
		same = same && v == byCode[code*shape.C]
	}
	if same {
		table = table[:codes]
	}
	l.net.Layers = append(l.net.Layers, &integer.Lookup{Name: s.name, In: in, Out: out, Table: table})
	return nil
}
