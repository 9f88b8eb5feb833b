package layers

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// Methods whose levels are a staircase (estimators.Staircase) run on kernels behind a batch norm, in one walk with it.

// staircase returns the quantizer of z*a + b as kernels take it, and moves b by its offset. relu tells that max(x, 0) is
// quantized.
func (q *Quantizer) staircase(train bool, b []float32, relu bool) (s kernels.Staircase, est estimators.Stepped, err error) {
	now, err := q.estimator(train, 0)
	if err != nil {
		return s, nil, err
	}
	est = now.(estimators.Stepped)
	s, _, err = est.Staircase(q.params())
	if s.Zero += q.shift(); q.atOffset {
		s.Zero = -int(s.Lo)
	}
	if relu {
		s.Floor = -s.Shift / s.Scale
	}
	for j := range b {
		b[j] -= s.Shift
	}
	s.Shift = 0 // b has it
	return s, est, err
}

// plainStairs is staircase for x itself, which gets the offset b.
func (q *Quantizer) plainStairs(train, relu bool) (b float32, k kernels.Staircase, est estimators.Stepped, err error) {
	offset := []float32{0}
	k, est, err = q.staircase(train, offset, relu)
	return offset[0], k, est, err
}

// learn writes the gradients of the learned parameters.
func (q *Quantizer) learn(dp estimators.Params, est estimators.Stepped, sums kernels.LevelSums) error {
	err := est.Gradients(dp, q.params(), sums, q.place.N)
	q.penalize(est, dp)
	return err
}

// output is what the quantizer gives for activations: codes or, if the method has none, floats.
func (q *Quantizer) output(c *Context, rank int) graph.Arg {
	if q.atOffset || q.integral(c.Train) {
		return codes(rank)
	}
	return pictures(rank)
}

// value is the quantized activation y.
func (q *Quantizer) value(y *G.Node) Value {
	if y.Dtype() == tensor.Uint8 {
		return Value{codes: y, quant: q}
	}
	return Value{float: y}
}

// batchNormStaircase: a method whose levels are a staircase does the work of the batch norm, and of the ReLU, before it.
var batchNormStaircase = rewrite{"batch_norm_staircase", "quantize(relu(batch_norm(z))) by a method becomes a staircase of z*a + b", func(p *plan, s *step) bool {
	o, ok := s.op.(quantizeOp)
	if !ok || !p.c.Train || !o.q.stairs() || o.q.updates != nil {
		return false
	}
	before, relu := p.beforeReLU(s)
	o.relu = relu != nil
	norm, ok := alone[batchNormOp](p, before)
	return ok && p.replace(s, normStaircaseOp{o, norm}, before.in, append(relu, before)...)
}}

// normStaircaseOp is a batch norm, a ReLU if relu, and a staircase; it reads what the batch norm reads.
type normStaircaseOp struct {
	quantizeOp
	norm batchNormOp
}

func (o normStaircaseOp) emit(c *Context, s *step) Value {
	return o.q.normStaircase(c, o.norm.normed(c, s.in), o.relu)
}

// normStaircase is batch norm, ReLU if relu, and a staircase: codes, or values, of z*a + b.
func (q *Quantizer) normStaircase(c *Context, n *normed, relu bool) Value {
	shape := n.z.Shape()
	ch := shape[3]
	a, b := make([]float32, ch), make([]float32, ch)
	q.count(shape)
	in, nodes := q.args(c, []graph.Arg{pictures(4), f32(1), f32(1), f32(2)}, []*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats})
	out := q.output(c, 4)
	y := c.b.Apply(graph.Op{
		Name: "batch norm, quantize", Layer: q.Name, Attrs: fmt.Sprint(q.spec, n.Eps, relu), Pool: c.pool, In: in, Out: out, Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var z, y kernels.Pictures[float32]
			var codes kernels.Pictures[uint8]
			var step kernels.Staircase
			return graph.Loop{
				Before: func() error {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					err := q.updateActivations(c.Train, k, false, func() []float32 {
						x := affineOf(k.F32(0), a, b)
						if relu {
							kernels.ReLURow(x, x)
						}
						return x
					})
					if err != nil {
						return err
					}
					z = k.Pictures(0)
					if out.Dtype == tensor.Uint8 {
						codes = k.OutCodes()
					} else {
						y = k.OutPictures()
					}
					step, _, err = q.staircase(c.Train, b, relu)
					return err
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					step := step.Picture(i)
					if out.Dtype == tensor.Uint8 {
						kernels.StaircaseCodesRow(codes.At(s, i), z.At(s, i), a, b, &step)
					} else {
						kernels.StaircaseRow(y.At(s, i), z.At(s, i), a, b, &step)
					}
				}},
			}
		},
		Wrt: append([]bool{true, true, true, false}, q.wrt()[1:]...),
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			sums := q.staircaseSums(c, n, relu, dout)
			dz := q.staircaseGradient(c, n, relu, sums, dout)
			all := []*G.Node{dz, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil}
			return append(all, q.gradients(c, sums)[1:]...)
		},
	}, nodes...)
	return q.value(y)
}

// staircaseSums gives (2, C), dbeta and dgamma of the batch norm, and the gradients of the learned parameters.
func (q *Quantizer) staircaseSums(c *Context, n *normed, relu bool, dout *G.Node) *G.Node {
	shape := n.z.Shape()
	ch := shape[3]
	l := &kernels.StaircaseSums{N: shape[0], A: make([]float32, ch), B: make([]float32, ch), Sum: make([]float64, ch), Dot: make([]float64, ch)}
	in, nodes := q.args(c, []graph.Arg{pictures(4), f32(1), f32(1), f32(2), pictures(4)},
		[]*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, dout})
	return c.b.Apply(graph.Op{
		Name: "batch norm, quantize: gradient sums", Layer: q.Name, Attrs: fmt.Sprint(q.spec, relu), Pool: c.pool,
		In: in, Out: f32(2), Shape: fixedShape(2, ch), Aux: q.gradientBuffers,
		Loop: func(k *graph.Call) graph.Loop {
			var est estimators.Stepped
			return graph.Loop{
				Body: l,
				Before: func() (err error) {
					normFactors(l.A, l.B, k.F32(1), k.F32(2), k.F32(3))
					l.Z, l.DY, l.Shift = k.Pictures(0), k.Pictures(4), k.F32(3)[:ch]
					l.Q, est, err = q.staircase(true, l.B, relu)
					return err
				},
				After: func() error {
					normSums(k.OutF32(), l.Sum, l.Dot, k.F32(3))
					return q.learn(auxParams(k), est, l.LevelSums)
				},
			}
		},
	}, nodes...)
}

// staircaseGradient is the gradient in z, whose batch norm has the sums (2, C).
func (q *Quantizer) staircaseGradient(c *Context, n *normed, relu bool, sums, dout *G.Node) *G.Node {
	ch := n.z.Shape()[3]
	a, b, p, u, r := make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch)
	in, nodes := q.args(c, []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(2), pictures(4)},
		[]*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, sums, dout})
	return c.b.Apply(graph.Op{
		Name: "batch norm, quantize: input gradient", Layer: q.Name, Attrs: fmt.Sprint(q.spec, relu), Pool: c.pool,
		In: in, Out: pictures(4), Shape: sameShape(0), InPlace: 6,
		Loop: func(k *graph.Call) graph.Loop {
			var dz, z, dy kernels.Pictures[float32]
			var step kernels.Staircase
			return graph.Loop{
				Before: func() (err error) {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					normSlopes(p, u, r, k.F32(1), k.F32(3), k.F32(4), n.count())
					dz, z, dy = k.OutPictures(), k.Pictures(0), k.Pictures(5)
					step, _, err = q.staircase(true, b, relu)
					for j := range p {
						p[j] *= step.Slope
					}
					return err
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					step := step.Picture(i)
					kernels.StaircaseGradRow(dz.At(s, i), dy.At(s, i), z.At(s, i), a, b, p, u, r, &step)
				}},
			}
		},
	}, nodes...)
}
