package layers

import (
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// averageCodesOp averages codes, in codes of q.
type averageCodesOp struct {
	quantizeOp
	pool   string
	window *averageWindowOp // nil: over all pixels
}

// averageCodes: in evaluation the sum over an image's pixels becomes a code by one multiplier.
var averageCodes = rewrite{"average_codes", "quantize(average_pool(codes)) becomes round(sum*multiplier), in evaluation", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if p.c.Train || !ok || o.relu || !o.q.even() {
		return false
	}
	pool := s.in[0]
	if _, ok := alone[averagePoolOp](p, pool); !ok || !pool.in[0].givesCodes(p.c) {
		return false
	}
	return p.replace(s, averageCodesOp{o, pool.name, nil}, pool.in, pool)
}}

func (averageCodesOp) givesCodes(*Context, *step) bool { return true }

func (o averageCodesOp) emit(c *Context, s *step) Value {
	from, q := s.in[0].out.quant, o.q
	x := s.in[0].out.codes
	shape := x.Shape()
	n, ch := shape[0], shape[3]
	windows, height, width, attrs := []averageWindow{{[][2]int{{0, shape[1] * shape[2]}}, shape[1] * shape[2]}}, 1, 1, ""
	if w := o.window; w != nil {
		windows, height, width, attrs = w.windows(), w.out.H, w.out.W, w.attributes()
	}
	y := c.b.Apply(graph.Op{
		Name: "average pool, quantize", Layer: q.Name, Attrs: attrs,
		In: []graph.Arg{codes(4), f32(1), f32(1)}, Out: codes(4), Shape: fixedShape(n, height, width, ch), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[uint8]
			var zeroPoint, lo, hi float32
			multiplier := make([]float32, len(windows))
			acc := kernels.Pictures[int32]{Data: make([]int32, k.Workers*ch), Each: ch, Local: true}
			return graph.Loop{
				Before: func() error {
					if err := q.updateActivations(false, k, false, nil); err != nil {
						return err
					}
					x, y = k.Codes(0), k.OutCodes()
					for i, w := range windows {
						multiplier[i] = integer.AverageMultiplier(k.F32(1)[0], k.F32(2)[0], w.divisor)
					}
					l, h := q.bounds(false)
					zeroPoint, lo, hi = float32(q.zeroPoint()), float32(l), float32(h)
					return nil
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					sums, x, y := acc.At(s, i), x.At(s, i), y.At(s, i)
					for at, w := range windows {
						clear(sums)
						pixels := 0
						for _, run := range w.runs {
							dyadic.SumPixels(sums, x[run[0]*ch:run[1]*ch])
							pixels += run[1] - run[0]
						}
						for j := range sums {
							sums[j] -= int32(pixels) * int32(from.zeroPoint())
						}
						kernels.Requantize(y[at*ch:][:ch], sums, multiplier[at:at+1], zeroPoint, lo, hi)
					}
				}},
			}
		},
	}, x, c.node(from.Scale), c.node(q.Scale))
	return Value{codes: y, quant: q}
}

func (o averageCodesOp) lower(l *lowering, s *step) error {
	if err := l.ready(s.name, o.q); err != nil {
		return err
	}
	x := s.in[0]
	if w := o.window; w != nil {
		out := l.tensor(s, o.q, w.out)
		l.net.Layers = append(l.net.Layers, &integer.AverageWindow{Name: o.pool, In: l.of[x], Out: out, Window: w.Window, CountPad: w.CountPad})
		return nil
	}
	out := l.tensor(s, o.q, networks.Shape{H: 1, W: 1, C: l.shape(x).C})
	l.net.Layers = append(l.net.Layers, &integer.AveragePool{Name: o.pool, In: l.of[x], Out: out})
	return nil
}
