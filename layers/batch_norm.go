package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// BatchNorm normalizes each channel (Ioffe and Szegedy 2015).
type BatchNorm struct {
	Name        string
	Gamma, Beta *Array
	Mean, Var   *Array
	Momentum    float64
	Eps         float64
	frozen      bool // see Network.FreezeBatchNorm
	held        bool // see Network.Freeze
}

// normed is a batch norm of z with the statistics of a batch, (2, C).
type normed struct {
	*BatchNorm
	z, stats *G.Node
}

func holdBatchNorm(l *layer) {
	op := l.Op.(networks.BatchNorm)
	l.norm = &BatchNorm{Name: l.Name, Gamma: l.arrays[0], Beta: l.arrays[1], Mean: l.arrays[2], Var: l.arrays[3], Momentum: op.Momentum, Eps: op.Eps}
	l.norm.Var.least = 0
}

// planBatchNorm adds two steps in training, statistics and what they are for.
func planBatchNorm(p *plan, l *layer, in []*step) *step {
	if !p.c.Train {
		return p.add(l.Name, runningNormOp{l.norm}, in...)
	}
	return p.add(l.Name, batchNormOp{l.norm}, in[0], p.add(l.Name, statisticsOp{l.norm}, in...))
}

// statisticsOp is what a batch norm in training takes from a batch.
type statisticsOp struct{ norm *BatchNorm }

func (o statisticsOp) emit(c *Context, s *step) Value {
	return Value{float: o.norm.statistics(c, s.in[0].out.Float(c))}
}

// batchNormOp is batch norm in training; it reads its input and the statistics.
type batchNormOp struct{ norm *BatchNorm }

func (o batchNormOp) emit(c *Context, s *step) Value {
	n := o.normed(c, s.in)
	v := Value{float: n.apply(c)}
	if s.again {
		v.again = &recomputed{with: func(dout *G.Node) *G.Node {
			op, in := after(n.affine(c), []*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats}, dout)
			return c.b.Apply(op, in...)
		}}
	}
	return v
}

// normed is the batch norm of what a step reads, input and statistics first.
func (o batchNormOp) normed(c *Context, in []*step) *normed {
	return &normed{o.norm, in[0].out.Float(c), in[1].out.Float(c)}
}

// runningNormOp is batch norm in evaluation, on floats.
type runningNormOp struct{ norm *BatchNorm }

func (o runningNormOp) emit(c *Context, s *step) Value {
	return Value{float: o.norm.batchNormEval(c, s.in[0].out.Float(c))}
}

// apply is y = gamma*(x - mean)/sqrt(variance + eps) + beta per channel
// (Ioffe and Szegedy 2015, arXiv 1502.03167) with the statistics of the batch.
// Those move the running statistics:
//
//	running = (1 - momentum)*running + momentum*batch   (variance unbiased)
//
// A frozen one has the running statistics instead, which are constants then.
func (n *normed) apply(c *Context) *G.Node {
	x, stats := n.z, n.stats
	ch := x.Shape()[3]
	op := n.affine(c)
	op.Wrt = []bool{true, true, true, false}
	op.Gradient = func(in []*G.Node, out, dout *G.Node) []*G.Node {
		sums := n.gradientSums(c, in[0], stats, dout)
		p, q, r := make([]float32, ch), make([]float32, ch), make([]float32, ch)
		dx := c.b.Apply(graph.Op{
			Name: "batch norm input gradient", Layer: n.Name,
			In: []graph.Arg{pictures(4), f32(1), f32(2), f32(2), pictures(4)}, Out: pictures(4), Shape: sameShape(0), InPlace: 5, Pixelwise: true, Pool: c.pool,
			Loop: func(k *graph.Call) graph.Loop {
				var dx, x, dy kernels.Pictures[float32]
				return graph.Loop{
					Before: func() error {
						dx, x, dy = k.OutPictures(), k.Pictures(0), k.Pictures(4)
						normSlopes(p, q, r, k.F32(1), k.F32(2), k.F32(3), n.count())
						return nil
					},
					Body: &kernels.Each{Do: func(s *kernels.Scratch, n int) {
						kernels.Affine2Row(dx.At(s, n), dy.At(s, n), x.At(s, n), p, q, r)
					}},
				}
			},
		}, in[0], in[1], stats, sums, dout)
		return []*G.Node{dx, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil}
	}
	return c.b.Apply(op, x, c.node(n.Gamma), c.node(n.Beta), stats)
}

// affine is the batch norm of z with factors from gamma, beta and the statistics.
func (n *normed) affine(c *Context) graph.Op {
	ch := n.z.Shape()[3]
	a, b := make([]float32, ch), make([]float32, ch)
	return graph.Op{
		Name: "batch norm", Layer: n.Name, Attrs: fmt.Sprint(n.Eps),
		In: []graph.Arg{pictures(4), f32(1), f32(1), f32(2)}, Out: pictures(4), Shape: sameShape(0), Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return affine(k, a, b, func() {
				normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
			})
		},
	}
}

// count is the number of values that the statistics of a channel are of: those of
// a batch, or endless ones, which no batch moves, if they are frozen.
func (n *normed) count() float64 {
	if n.frozen {
		return math.Inf(1)
	}
	s := n.z.Shape()
	return float64(s[0] * s[1] * s[2])
}

// normFactors writes batch norm as y = x*a + b; stats are (2, C): mean and
// 1/sqrt(variance + eps).
func normFactors(a, b, gamma, beta, stats []float32) {
	mean, inv := stats[:len(a)], stats[len(a):]
	for j := range a {
		a[j] = gamma[j] * inv[j]
		b[j] = beta[j] - float32(mean[j]*a[j])
	}
}

// normSlopes writes batch norm's input gradient
//
//	dx = gamma*inv*(dy - mean(dy) - xhat*mean(dy*xhat))
//
// as dx = dy*p + (x*q + r). sums are (2, C): dbeta = sum dy, dgamma = sum
// dy*xhat; count is the number of values of a channel.
func normSlopes(p, q, r, gamma, stats, sums []float32, count float64) {
	c := len(p)
	mean, inv, dbeta, dgamma := stats[:c], stats[c:], sums[:c], sums[c:]
	for j := range p {
		p[j] = gamma[j] * inv[j]
		slope := float64(p[j]) * float64(dgamma[j]) * float64(inv[j]) / count
		q[j] = float32(-slope)
		r[j] = float32(slope*float64(mean[j]) - float64(p[j])*float64(dbeta[j])/count)
	}
}

// affine is the loop y = x*a[c] + b[c], with factors that set fills in.
func affine(k *graph.Call, a, b []float32, set func()) graph.Loop {
	var y, x kernels.Pictures[float32]
	return graph.Loop{
		Before: func() error { y, x = k.OutPictures(), k.Pictures(0); set(); return nil },
		Body:   &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.AffineRow(y.At(s, n), x.At(s, n), a, b) }},
	}
}

// statistics gives (2, C): the batch's mean and 1/sqrt(variance + eps), and works
// out the running statistics after it (see [Context.Commit]). One that is not finite in
// float32 stops the run here, where the layer's name is known.
func (n *BatchNorm) statistics(c *Context, x *G.Node) *G.Node {
	s := x.Shape()
	ch, count := s[3], float64(s[0]*s[1]*s[2])
	sum, squares := make([]float64, ch), make([]float64, ch)
	newMean, newVar := c.work(n.Mean).Data(), c.work(n.Var).Data()
	return c.b.Apply(graph.Op{
		Name: "batch norm statistics", Layer: n.Name, Attrs: fmt.Sprint(n.Eps),
		In: []graph.Arg{pictures(4), f32(1), f32(1)}, Out: f32(2), Shape: fixedShape(2, ch), Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.Moments{Sum: sum, Second: squares, N: s[0]}
			return graph.Loop{
				Body: l,
				// The running mean is near enough to the mean to avoid cancellation.
				Before: func() error { l.Shift, l.X = k.F32(1), k.Pictures(0); return nil },
				After: func() error {
					shift, variance := k.F32(1), k.F32(2)
					mean, inv := k.OutF32()[:ch], k.OutF32()[ch:]
					for j := range mean {
						d := sum[j] / count
						m := float64(shift[j]) + d
						v := max(squares[j]/count-d*d, 0)
						if spread := float32(v); spread-spread != 0 { // as it is if a sum is
							return &graph.NotFiniteError{What: fmt.Sprintf("the variance of channel %d of the input", j), Value: float64(spread)}
						}
						if n.frozen {
							mean[j], inv[j] = shift[j], float32(1/math.Sqrt(float64(variance[j])+n.Eps))
							newMean[j], newVar[j] = shift[j], variance[j]
							continue
						}
						mean[j], inv[j] = float32(m), float32(1/math.Sqrt(v+n.Eps))
						unbiased := v * count / max(count-1, 1)
						newMean[j] = float32((1-n.Momentum)*float64(shift[j]) + n.Momentum*m)
						newVar[j] = float32((1-n.Momentum)*float64(variance[j]) + n.Momentum*unbiased)
					}
					return nil
				},
			}
		},
	}, x, c.node(n.Mean), c.node(n.Var))
}

// gradientSums gives (2, C): dbeta = sum dy and dgamma = sum dy*xhat.
func (n *BatchNorm) gradientSums(c *Context, x, stats, dy *G.Node) *G.Node {
	s := x.Shape()
	ch := s[3]
	sum, dot := make([]float64, ch), make([]float64, ch)
	return c.b.Apply(graph.Op{
		Name: "batch norm gradient sums", Layer: n.Name,
		In: []graph.Arg{pictures(4), f32(2), pictures(4)}, Out: f32(2), Shape: fixedShape(2, ch), Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			l := &kernels.Moments{Sum: sum, Second: dot, N: s[0]}
			return graph.Loop{
				Body:   l,
				Before: func() error { l.Shift, l.X, l.DY = k.F32(1)[:ch], k.Pictures(0), k.Pictures(2); return nil },
				After: func() error {
					inv, dbeta, dgamma := k.F32(1)[ch:], k.OutF32()[:ch], k.OutF32()[ch:]
					for j := range dbeta {
						dbeta[j], dgamma[j] = float32(sum[j]), float32(dot[j]*float64(inv[j]))
					}
					return nil
				},
			}
		},
	}, x, stats, dy)
}

// rowOf copies row r of a (2, C) node.
func rowOf(c *Context, layer string, x *G.Node, r int) *G.Node {
	ch := x.Shape()[1]
	return c.b.Apply(graph.Op{
		Name: "row", Layer: layer, Attrs: fmt.Sprint(r), In: []graph.Arg{f32(2)}, Out: f32(1), Shape: fixedShape(ch),
		Forward: func(k *graph.Call) error { copy(k.OutF32(), k.F32(0)[r*ch:][:ch]); return nil },
	}, x)
}

// batchNormEval is batch norm with running statistics, on floats.
func (n *BatchNorm) batchNormEval(c *Context, x *G.Node) *G.Node {
	ch := x.Shape()[3]
	a, b := make([]float32, ch), make([]float32, ch)
	return c.b.Apply(graph.Op{
		Name: "batch norm", Layer: n.Name, Attrs: fmt.Sprint("eval", n.Eps),
		In: []graph.Arg{pictures(4), f32(1), f32(1)}, Out: pictures(4), Shape: sameShape(0), InPlace: 1, Pixelwise: true, Pool: c.pool,
		Loop: func(k *graph.Call) graph.Loop {
			return affine(k, a, b, func() {
				n.runningFactors(a, b)
			})
		},
	}, x, c.node(n.Gamma), c.node(n.Beta))
}

// runningFactors writes batch norm with running statistics as y = x*a + b.
func (n *BatchNorm) runningFactors(a, b []float32) {
	for j, gamma := range n.Gamma.Data() {
		factor := float64(gamma) / math.Sqrt(float64(n.Var.Data()[j])+n.Eps)
		a[j] = float32(factor)
		b[j] = float32(float64(n.Beta.Data()[j]) - float64(n.Mean.Data()[j])*factor)
	}
}
