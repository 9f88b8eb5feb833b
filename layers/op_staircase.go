package layers

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// Methods whose levels are a staircase (estimators.Staircase) run on kernels behind a batch norm, in one walk with it.

// stepped returns the method as a staircase, or nil.
func (m *method) stepped() estimators.Stepped {
	est, err := m.spec.NewEstimator(m.place, m.clock.progress)
	s, ok := est.(estimators.Stepped)
	if err != nil || !ok {
		return nil
	}
	var ones estimators.Params // whether it is one does not depend on the values
	for _, p := range m.learned {
		v := make([]float32, len(p.Data()))
		for i := range v {
			v[i] = 1
		}
		ones = append(ones, v)
	}
	if _, ok, err := s.Staircase(ones); err != nil || !ok {
		return nil
	}
	return s
}

// staircase returns the quantizer of z*a + b as kernels take it, and moves b by its offset. relu tells that max(x, 0) is
// quantized.
func (q *Quantizer) staircase(b []float32, relu bool) (kernels.Staircase, estimators.Stepped, error) {
	est := q.method.stepped()
	s, _, err := est.Staircase(q.method.params())
	k := kernels.Staircase{
		Step:  kernels.Step{Scale: s.S, Qn: s.Lo, Qp: s.Hi, ZeroPoint: uint8(s.Zero + q.method.shift())},
		Floor: float32(math.Inf(-1)), Delta: s.Delta, Slope: s.Slope,
	}
	if relu {
		k.Floor = -s.B / s.S
	}
	for j := range b {
		b[j] -= s.B
	}
	return k, est, err
}

// normStaircase is batch norm, ReLU if relu, and a staircase: codes of z*a + b.
func (q *Quantizer) normStaircase(c *Context, n *normed, relu bool) Value {
	m, shape := q.method, n.z.Shape()
	ch := shape[3]
	a, b := make([]float32, ch), make([]float32, ch)
	m.place.N = q.elements(shape.TotalSize(), shape[0], ch)
	in, nodes := m.args(c, []graph.Arg{pictures(4), f32(1), f32(1), f32(2)}, []*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats})
	y := c.B.Apply(graph.Op{
		Name: "batch norm, quantize", Layer: q.Name, Attrs: fmt.Sprint(m.spec, n.Eps, relu), Pool: c.Pool, In: in, Out: codes(4), Shape: sameShape(0),
		Loop: func(k *graph.Call) graph.Loop {
			var z kernels.Pictures[float32]
			var y kernels.Pictures[uint8]
			var step kernels.Step
			return graph.Loop{
				Before: func() error {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					if !q.Calibrated() && k.Fused {
						return fmt.Errorf("the quantizer has no parameters; train or calibrate the network first")
					}
					err := q.prepareActivations(c.Train, func() []float32 {
						x := affineOf(k.F32(0), a, b)
						if relu {
							kernels.ReLURow(x, x)
						}
						return x
					})
					if err != nil {
						return err
					}
					s, _, err := q.staircase(b, relu)
					z, y, step = k.Pictures(0), k.OutCodes(), s.Step
					step.Qn = max(step.Qn, min(s.Floor, step.Qp)) // the code of 0, whatever is below
					return err
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) { kernels.AffineQuantizeRow(y.At(s, i), z.At(s, i), a, b, &step) }},
			}
		},
		Wrt: append([]bool{true, true, true, false}, m.wrt()[1:]...),
		Gradient: func(in []*G.Node, _, dout *G.Node) []*G.Node {
			sums := q.staircaseSums(c, n, relu, dout)
			dz := q.staircaseGradient(c, n, relu, sums, dout)
			all := []*G.Node{dz, rowOf(c, n.Name, sums, 1), rowOf(c, n.Name, sums, 0), nil}
			return append(all, m.gradients(c, sums)[1:]...)
		},
	}, nodes...)
	return Value{codes: y, quant: q}
}

// staircaseSums gives (2, C), dbeta and dgamma of the batch norm, and the gradients of the learned parameters.
func (q *Quantizer) staircaseSums(c *Context, n *normed, relu bool, dout *G.Node) *G.Node {
	m, shape := q.method, n.z.Shape()
	ch := shape[3]
	l := &kernels.StaircaseSums{N: shape[0], A: make([]float32, ch), B: make([]float32, ch), Sum: make([]float64, ch), Dot: make([]float64, ch)}
	in, nodes := m.args(c, []graph.Arg{pictures(4), f32(1), f32(1), f32(2), pictures(4)},
		[]*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, dout})
	return c.B.Apply(graph.Op{
		Name: "batch norm, quantize: gradient sums", Layer: q.Name, Attrs: fmt.Sprint(m.spec, relu), Pool: c.Pool,
		In: in, Out: f32(2), Shape: fixedShape(2, ch), Aux: m.gradientBuffers,
		Loop: func(k *graph.Call) graph.Loop {
			var est estimators.Stepped
			return graph.Loop{
				Body: l,
				Before: func() (err error) {
					normFactors(l.A, l.B, k.F32(1), k.F32(2), k.F32(3))
					l.Z, l.DY, l.Shift = k.Pictures(0), k.Pictures(4), k.F32(3)[:ch]
					l.Q, est, err = q.staircase(l.B, relu)
					return err
				},
				After: func() error {
					normSums(k.OutF32(), l.Sum, l.Dot, k.F32(3))
					dp := auxParams(k)
					err := est.Gradients(dp, m.params(), estimators.StaircaseSums{DyQ: l.DyQ, Dy: l.Dy, HV: l.HV, H: l.H}, m.place.N)
					m.penalize(est, dp)
					return err
				},
			}
		},
	}, nodes...)
}

// staircaseGradient is the gradient in z, whose batch norm has the sums (2, C).
func (q *Quantizer) staircaseGradient(c *Context, n *normed, relu bool, sums, dout *G.Node) *G.Node {
	ch := n.z.Shape()[3]
	a, b, p, u, r := make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch), make([]float32, ch)
	in, nodes := q.method.args(c, []graph.Arg{pictures(4), f32(1), f32(1), f32(2), f32(2), pictures(4)},
		[]*G.Node{n.z, c.node(n.Gamma), c.node(n.Beta), n.stats, sums, dout})
	return c.B.Apply(graph.Op{
		Name: "batch norm, quantize: input gradient", Layer: q.Name, Attrs: fmt.Sprint(q.method.spec, relu), Pool: c.Pool,
		In: in, Out: pictures(4), Shape: sameShape(0), InPlace: 6,
		Loop: func(k *graph.Call) graph.Loop {
			var dz, z, dy kernels.Pictures[float32]
			var step kernels.Staircase
			return graph.Loop{
				Before: func() (err error) {
					normFactors(a, b, k.F32(1), k.F32(2), k.F32(3))
					normSlopes(p, u, r, k.F32(1), k.F32(3), k.F32(4), n.count())
					dz, z, dy = k.OutPictures(), k.Pictures(0), k.Pictures(5)
					step, _, err = q.staircase(b, relu)
					for j := range p {
						p[j] *= step.Slope
					}
					return err
				},
				Body: &kernels.Each{Do: func(s *kernels.Scratch, i int) {
					kernels.StaircaseGradRow(dz.At(s, i), dy.At(s, i), z.At(s, i), a, b, p, u, r, &step)
				}},
			}
		},
	}, nodes...)
}
