package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// A method that quantizes codes sees at most 256 values: tables of what it does with each are all that a walk over the
// pictures needs. The gradient of every method is proportional to the size of dy, so that two tables, for dy = 1 and -1,
// hold it.

// tabled tells that the method does the same to equal values.
func (q *Quantizer) tabled() bool { return q.integral(false) && q.place.Scales == 1 && !q.is.Random }

// reals are the values of all codes.
func (q *Quantizer) reals() []float32 {
	codes, x := make([]uint8, 256), make([]float32, 256)
	for i := range codes {
		codes[i] = uint8(i)
	}
	to := q.uniform(q.Scale.Data()[0])
	kernels.DequantizeRow(x, codes, &to)
	return x
}

// requantizeByTable: a method that does the same to equal values moves codes by a table.
var requantizeByTable = rewrite{"requantize_by_table", "quantize(codes) by a method becomes a table from code to code", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || o.q.plain() || !o.q.tabled() || !s.in[0].givesCodes(p.c) {
		return false
	}
	return p.replace(s, tableOp{o}, s.in)
}}

// tableOp is a quantizer of codes by a method.
type tableOp struct{ quantizeOp }

func (o tableOp) emit(c *Context, s *step) Value { return o.q.methodCodes(c, s.in[0].out) }

// methodCodes moves codes to those of the method.
func (q *Quantizer) methodCodes(c *Context, v Value) Value {
	from, rank, shape := v.quant, v.codes.Dims(), v.codes.Shape()
	if c.Train {
		q.count(shape)
	}
	in, nodes := q.args(c, []graph.Arg{codes(rank), f32(1)}, []*G.Node{v.codes, c.node(from.Scale)})
	wrt := append([]bool{true, false}, q.wrt()[1:]...)
	y := c.b.Apply(graph.Op{
		Name: "requantize by " + string(q.Estimator()), Layer: q.Name, Attrs: fmt.Sprint(from.levelRange(), q.spec), In: in, Out: codes(rank), Shape: sameShape(0), Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			var x, y kernels.Pictures[uint8]
			var table [256]uint8
			return graph.Loop{
				Before: func() error {
					reals := from.reals()
					err := q.updateActivations(c.Train, k, false, func() []float32 {
						whole := make([]float32, len(k.U8(0)))
						for i, code := range k.U8(0) {
							whole[i] = reals[code]
						}
						return whole
					})
					if err != nil {
						return err
					}
					x, y = k.Codes(0), k.OutCodes()
					return q.table(&table, reals)
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) { kernels.MapBytes(y.At(s, i), x.At(s, i), &table) }},
			}
		},
		Wrt: wrt,
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			args, nodes := q.args(c, []graph.Arg{codes(rank), f32(1), pictures(rank)}, []*G.Node{in[0], in[1], dout})
			dx := c.b.Apply(graph.Op{
				Name: "requantize by " + string(q.Estimator()) + ": gradient", Layer: q.Name, Attrs: fmt.Sprint(from.levelRange(), q.spec),
				In: args, Out: pictures(rank), Shape: sameShape(0), InPlace: 3, Pool: c.pool, Aux: q.gradientBuffers,
				Loop: func(k *graph.Call) graph.Loop {
					l := &codesGradient{quant: q, parts: make([][]float64, shape[0])}
					return graph.Loop{
						Body: l,
						Before: func() error {
							l.dx, l.codes, l.dy = k.OutPictures(), k.Codes(0), k.Pictures(2)
							return l.start(from.reals())
						},
						After: func() error { return l.finish(auxParams(k)) },
					}
				},
			}, nodes...)
			return append([]*G.Node{dx, nil}, q.gradients(c, dx)[1:]...)
		},
	}, nodes...)
	return Value{codes: y, quant: q}
}

// table writes the stored codes of the values x.
func (q *Quantizer) table(table *[256]uint8, x []float32) error {
	est, err := q.estimator(false, 0)
	if err != nil {
		return err
	}
	i, codes := q.integer(est), make([]int32, 256)
	if err := i.Quantize(codes, nil, x, q.params()); err != nil {
		return err
	}
	for c, v := range codes {
		table[c] = uint8(int(v) + q.shift())
	}
	return nil
}

// codesGradient is the backward pass over codes.
type codesGradient struct {
	kernels.Each
	quant  *Quantizer
	dx, dy kernels.Pictures[float32]
	codes  kernels.Pictures[uint8]
	slope  [2][256]float32   // dx for dy = 1 and for dy = -1
	params [2][][256]float64 // of each learned parameter, of one element
	parts  [][]float64       // of each picture: of each learned parameter
}

// start fills the tables.
func (l *codesGradient) start(x []float32) error {
	est, err := l.quant.estimator(true, 0)
	if err != nil {
		return err
	}
	l.Do = l.picture
	p := l.quant.params()
	dp := make(estimators.Params, len(p))
	for i := range dp {
		dp[i] = make([]float32, len(p[i]))
	}
	for sign := range 2 {
		l.params[sign] = make([][256]float64, len(p))
		dy := []float32{float32(1 - 2*sign)}
		for c := range x {
			if err := est.Backward(l.slope[sign][c:c+1], dp, x[c:c+1], dy, p); err != nil {
				return err
			}
			for i := range dp {
				l.params[sign][i][c] = float64(dp[i][0])
			}
		}
	}
	return nil
}

func (l *codesGradient) picture(s *kernels.Scratch, n int) {
	dx, dy, codes := l.dx.At(s, n), l.dy.At(s, n), l.codes.At(s, n)
	// What dy of each sign adds up to at each code is all that the parameters need.
	var total [2][256]float64
	for i, c := range codes {
		g, sign := dy[i], 0
		if g < 0 {
			g, sign = -g, 1
		}
		dx[i] = g * l.slope[sign][c]
		total[sign][c] += float64(g)
	}
	if l.parts[n] == nil {
		l.parts[n] = make([]float64, len(l.quant.learned))
	}
	for i := range l.parts[n] {
		sum := 0.0
		for sign := range 2 {
			for c, t := range total[sign] {
				sum += t * l.params[sign][i][c]
			}
		}
		l.parts[n][i] = sum
	}
}

func (l *codesGradient) finish(dp estimators.Params) error {
	for i := range dp {
		sum := 0.0
		for _, part := range l.parts {
			sum += part[i]
		}
		dp[i][0] = float32(sum)
	}
	est, err := l.quant.estimator(true, 0)
	if err == nil {
		l.quant.penalize(est, dp)
	}
	return err
}
