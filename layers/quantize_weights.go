package layers

import (
	"fmt"
	"sync"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// QuantizeWeights puts the quantizer on weights (..., C): codes in int8, or float32 if the method has none. A static one
// takes the scale from the weights at every training step.
func (q *Quantizer) QuantizeWeights(c *Context, w *Array) *G.Node {
	if c == nil || c.b == nil {
		return nil
	}
	if err := q.made(w); err != nil {
		return c.b.Fail(err)
	}
	rank := w.Value.Dims()
	out := f32(rank)
	integral := q.integral(c.Train)
	if integral {
		out = i8(rank)
	}
	in, nodes := q.args(c, []graph.Arg{f32(rank)}, []*G.Node{c.node(w)})
	return c.b.Apply(graph.Op{
		Name: "quantize weights", Layer: q.Name, Attrs: fmt.Sprint(q.spec), In: in, Out: out, Shape: sameShape(0),
		Forward: func(k *graph.Call) error {
			if err := q.update(c.Train, k.F32(0)); err != nil {
				return err
			}
			est, err := q.estimator(c.Train, 0)
			if err != nil {
				return err
			}
			if !integral {
				return est.Forward(k.OutF32(), k.F32(0), q.params())
			}
			if q.clips() {
				r := q.levelRange()
				kernels.WeightCodesRow(k.OutI8(), k.F32(0), q.Scale.Data(), float32(r.Qn()), float32(r.Qp()))
				return est.Forward(nil, nil, q.params()) // which looks at the scale
			}
			return c.spare.with(len(k.OutI8()), func(scratch []int32) error {
				return weightCodes(k.OutI8(), scratch, k.F32(0), q.integer(est), q.params())
			})
		},
		Wrt: q.wrt(),
		Gradient: func(in []*G.Node, y, dout *G.Node) []*G.Node {
			// The gradient is for the parameters and the state of the forward pass, which may move them.
			args, nodes := q.args(c, []graph.Arg{f32(rank), f32(rank), out}, []*G.Node{in[0], dout, y})
			return q.gradients(c, c.b.Apply(graph.Op{
				Name: "quantize weights gradient", Layer: q.Name, Attrs: fmt.Sprint(q.spec), In: args, Out: f32(rank), Shape: sameShape(0), InPlace: 2,
				OrderOnly: []bool{false, false, true}, Aux: q.gradientBuffers,
				Forward: func(k *graph.Call) error {
					est, err := q.estimator(true, 0)
					if err != nil {
						return err
					}
					dp := auxParams(k)
					if q.clips() {
						q.weightGradients(k.OutF32(), dp[0], k.F32(0), k.F32(1), est.(estimators.Scaled))
					} else if err := est.Backward(k.OutF32(), dp, k.F32(0), k.F32(1), q.params()); err != nil {
						return err
					}
					q.penalize(est, dp)
					return nil
				},
			}, nodes...))
		},
	}, nodes...)
}

// clips tells that the kernels of a plain quantizer compute it on weights, with the gradient of the scale.
func (q *Quantizer) clips() bool { return q.Learned() && q.is.Pass == estimators.PassClipped }

// weightGradients is the clipped straight-through estimator on weights w, and the gradient of the scale. dw may be dy.
func (q *Quantizer) weightGradients(dw, dscale, w, dy []float32, est estimators.Scaled) {
	scale, r := q.Scale.Data(), q.levelRange()
	c := len(scale)
	sums := make([]float64, c)
	const most = 4096
	var room [2][most]float32
	slope, passed := room[0][:], room[1][:]
	if c > most {
		slope, passed = make([]float32, c), make([]float32, c)
	}
	slope = slope[:len(slope)/c*c]
	for i := 0; i < len(w); i += len(slope) {
		n := min(len(slope), len(w)-i)
		dy := dy[i:][:n]
		kernels.WeightSlopesRow(passed, slope, w[i:][:n], dy, scale, float32(r.Qn()), float32(r.Qp()))
		if c == 1 { // a sum in a register, whose additions are all that it waits for
			sum := sums[0]
			for j, d := range dy {
				sum += float64(d) * float64(slope[j])
			}
			sums[0] = sum
		} else {
			for j := 0; j < n; j += c {
				for l := range sums {
					sums[l] += float64(dy[j+l]) * float64(slope[j+l])
				}
			}
		}
		copy(dw[i:], passed[:n])
	}
	for l, sum := range sums {
		dscale[l] = est.ScaleGradient(scale[l], sum, len(w)/c)
	}
}

// spare is memory that operations have while they run, which may be at the same time.
type spare struct {
	mu   sync.Mutex
	free [][]int32
}

// with lends do n integers of any value.
func (s *spare) with(n int, do func([]int32) error) error {
	s.mu.Lock()
	var b []int32
	if last := len(s.free) - 1; last >= 0 {
		b, s.free = s.free[last], s.free[:last]
	}
	s.mu.Unlock()
	if cap(b) < n {
		b = make([]int32, n)
	}
	err := do(b[:n])
	s.mu.Lock()
	s.free = append(s.free, b)
	s.mu.Unlock()
	return err
}

// codesOf returns the integer weights of w.
func (q *Quantizer) codesOf(w []float32) ([]int8, error) {
	est, err := q.estimator(false, 0)
	if err != nil {
		return nil, err
	}
	codes := make([]int8, len(w))
	return codes, weightCodes(codes, make([]int32, len(w)), w, q.integer(est), q.params())
}

// weightCodes writes the integer weights of w; scratch has the length of w.
func weightCodes(codes []int8, scratch []int32, w []float32, u estimators.Integer, p estimators.Params) error {
	if err := u.Quantize(scratch, nil, w, p); err != nil {
		return err
	}
	lo, hi := int32(0), int32(0)
	for i, v := range scratch {
		codes[i] = int8(v)
		lo, hi = min(lo, v), max(hi, v)
	}
	return inRange(u, lo, hi)
}

// inRange reports a smallest or a largest code that a method does not have by what it says of itself; 0 counts as one of its
// codes. Bytes would hold another code.
func inRange(u estimators.Integer, lo, hi int32) error {
	if least, most := min(u.Qn(), 0), max(u.Qp(), 0); int(lo) < least || int(hi) > most {
		return fmt.Errorf("the method gives codes from %d to %d, and its Qn and Qp are %d and %d", lo, hi, u.Qn(), u.Qp())
	}
	return nil
}

// dequantizeKernel gives quantized weights back as floats, for layers whose
// input is not quantized; the gradient passes unchanged.
func dequantizeKernel(c *Context, q *Quantizer, codes *G.Node) *G.Node {
	rank := codes.Dims()
	return c.b.Apply(graph.Op{
		Name: "dequantize weights", Layer: q.Name, In: []graph.Arg{i8(rank), f32(1)}, Out: f32(rank), Shape: sameShape(0),
		Forward: func(k *graph.Call) error {
			kernels.DequantizeWeights(k.OutF32(), k.I8(0), k.F32(1))
			return nil
		},
		Wrt:      []bool{true, false},
		Gradient: func(in []*G.Node, out, dout *G.Node) []*G.Node { return []*G.Node{dout, nil} },
	}, codes, c.node(q.Scale))
}
