package integer

import (
	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Requantize moves codes from one scale to another:
//
//	code = clamp(roundHalfEven(float32(Scale*(code - ZeroPoint))/ScaleOut) + ZeroPointOut, Lo, Hi)
//
// in float32, the arithmetic of DequantizeLinear followed by QuantizeLinear.
type Requantize struct {
	Name    string
	In, Out int
	Lo, Hi  uint8
}

// LayerName implements Layer.
func (q *Requantize) LayerName() string { return q.Name }

// Kind implements Layer.
func (q *Requantize) Kind() string { return "requantize" }

// Output implements Layer.
func (q *Requantize) Output() int { return q.Out }

// Inputs implements Layer.
func (q *Requantize) Inputs() []int { return []int{q.In} }

func (q *Requantize) check(n *Network) error {
	if err := sameShape(n, q.In, q.Out); err != nil {
		return err
	}
	return checkClamp(q.Lo, q.Hi, n.tensor(q.Out))
}

// Dyadic implements Layer.
func (q *Requantize) Dyadic(n *Network) ([]dyadic.Multiplier, error) {
	if q == nil {
		return nil, errNoLayer
	}
	return single(n.tensor(q.In).Scale / n.tensor(q.Out).Scale)
}

// prepare computes the result of each code once.
func (q *Requantize) prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[q.In], r.net.Tensors[q.Out]
	src, dst := r.codes[q.In], r.codes[q.Out]
	if r.net.Target == Dyadic {
		table := dyadic.NewRounding(m, out.ZeroPoint, q.Lo, q.Hi).Table(in.ZeroPoint)
		return each(func(s *kernels.Scratch, i int) { kernels.MapBytes(dst.At(s, i), src.At(s, i), table) })
	}
	table := &kernels.CodeMap{}
	table.Set(kernels.Uniform{Scale: in.Scale, ZeroPoint: in.ZeroPoint}, out.uniform(q.Lo, q.Hi))
	return each(func(s *kernels.Scratch, i int) { table.Row(dst.At(s, i), src.At(s, i)) })
}

// uniform is the quantizer with the codes lo..hi of the tensor. The bounds of a
// kernels.Uniform are integers, so clipping before rounding gives the same.
func (t Tensor) uniform(lo, hi uint8) kernels.Uniform {
	z := int(t.ZeroPoint)
	return kernels.Uniform{Scale: t.Scale, Qn: float32(int(lo) - z), Qp: float32(int(hi) - z), ZeroPoint: t.ZeroPoint}
}
