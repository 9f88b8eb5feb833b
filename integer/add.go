package integer

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/kernels"
)

// Add sums two tensors on the output's scale, in float32 and this order:
//
//	sum  = float32(float32(a - za)*float32(sa/s)) + float32(float32(b - zb)*float32(sb/s))
//	code = clamp(roundHalfEven(float32(sum)) + z, Lo, Hi)
//
// ReLU is the lower bound Lo = z.
type Add struct {
	Name      string
	A, B, Out int
	Lo, Hi    uint8
}

// LayerName implements Layer.
func (a *Add) LayerName() string { return a.Name }

// Kind implements Layer.
func (a *Add) Kind() string { return "add" }

// Output implements Layer.
func (a *Add) Output() int { return a.Out }

// Inputs implements Layer.
func (a *Add) Inputs() []int { return []int{a.A, a.B} }

// maxRatio keeps the terms of a sum finite.
const maxRatio = 1e30

func (a *Add) check(n *Network) error {
	for _, t := range a.Inputs() {
		if err := sameShape(n, t, a.Out); err != nil {
			return err
		}
		if ratio := n.Tensors[t].Scale / n.Tensors[a.Out].Scale; ratio > maxRatio {
			return fmt.Errorf("tensor %d has %g times the output's scale, want at most %g", t, ratio, maxRatio)
		}
	}
	return checkClamp(a.Lo, a.Hi, n.Tensors[a.Out])
}

// tableSize is the memory of an Add's table in bytes: every pair of codes.
const tableSize = 1 << 16

// table returns the output code of each pair of codes, at a<<8 + b. It is two
// to three times as fast as the arithmetic.
func (a *Add) table(n *Network) *[tableSize]uint8 {
	ta, tb, to := n.Tensors[a.A], n.Tensors[a.B], n.Tensors[a.Out]
	t := new([tableSize]uint8)
	loA, hiA := ta.Range()
	loB, hiB := tb.Range()
	for ca := int(loA); ca <= int(hiA); ca++ {
		va := float32(ca-int(ta.ZeroPoint)) * (ta.Scale / to.Scale)
		for cb := int(loB); cb <= int(hiB); cb++ {
			vb := float32(cb-int(tb.ZeroPoint)) * (tb.Scale / to.Scale)
			// The conversions keep va and vb from being fused into the sum.
			sum := float32(va) + float32(vb)
			t[ca<<8+cb] = clamp(math.RoundToEven(float64(sum))+float64(to.ZeroPoint), a.Lo, a.Hi)
		}
	}
	return t
}

func (a *Add) prepare(r *Runner) kernels.Loop {
	table := a.table(r.net)
	sa, sb, dst := r.codes[a.A], r.codes[a.B], r.codes[a.Out]
	return each(func(s *kernels.Scratch, i int) {
		x, y, d := sa.At(s, i), sb.At(s, i), dst.At(s, i)
		for j := range d {
			d[j] = table[int(x[j])<<8+int(y[j])]
		}
	})
}
