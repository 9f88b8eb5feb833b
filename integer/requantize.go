package integer

import (
	"math"

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
	return checkClamp(q.Lo, q.Hi, n.Tensors[q.Out])
}

// table returns the output code of each input code.
func (q *Requantize) table(n *Network) *[256]uint8 {
	from, to := n.Tensors[q.In], n.Tensors[q.Out]
	t := new([256]uint8)
	for c := range t {
		x := float32(c-int(from.ZeroPoint)) * from.Scale
		t[c] = clamp(math.RoundToEven(float64(x/to.Scale))+float64(to.ZeroPoint), q.Lo, q.Hi)
	}
	return t
}

func (q *Requantize) prepare(r *Runner) kernels.Loop {
	table := q.table(r.net)
	src, dst := r.codes[q.In], r.codes[q.Out]
	return each(func(s *kernels.Scratch, i int) {
		d := dst.At(s, i)
		for j, c := range src.At(s, i) {
			d[j] = table[c]
		}
	})
}

// clamp brings a rounded value, which is not NaN, into [lo, hi].
func clamp(v float64, lo, hi uint8) uint8 {
	return uint8(min(max(v, float64(lo)), float64(hi)))
}
