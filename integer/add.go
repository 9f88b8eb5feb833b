package integer

import (
	"fmt"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Add sums two tensors on the output's scale, with ratios ra = float32(sa/s) and
// rb = float32(sb/s):
//
//	offset = float32(z - fma(ra, za, float32(rb*zb)))
//	code   = clamp(roundHalfEven(fma(a, ra, fma(b, rb, offset))), Lo, Hi)
//
// in float32, fma(x, y, z) = x*y + z with one rounding. This is the arithmetic of
// onnxruntime's QLinearAdd on x86. ReLU is the lower bound Lo = z. The target dyadic sums on a common scale and rounds once:
//
//	code = clamp(roundHalfEven(((a - za)*MA + (b - zb)*MB)*2^-Shift) + z, Lo, Hi)
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
		if ratio := n.tensor(t).Scale / n.tensor(a.Out).Scale; ratio > maxRatio {
			return fmt.Errorf("tensor %d has %g times the output's scale, want at most %g", t, ratio, maxRatio)
		}
	}
	return checkClamp(a.Lo, a.Hi, n.tensor(a.Out))
}

// Dyadic implements Layer: the multipliers of A and B, with the shift of the larger one.
func (a *Add) Dyadic(n *Network) ([]dyadic.Multiplier, error) {
	if a == nil {
		return nil, errNoLayer
	}
	ra, rb := n.tensor(a.A).Scale/n.tensor(a.Out).Scale, n.tensor(a.B).Scale/n.tensor(a.Out).Scale
	m, err := multiplier(max(ra, rb))
	if err != nil {
		return nil, err
	}
	return []dyadic.Multiplier{{M: scaled(ra, m.Shift), Shift: m.Shift}, {M: scaled(rb, m.Shift), Shift: m.Shift}}, nil
}

func (a *Add) prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop {
	ta, tb, to := r.net.Tensors[a.A], r.net.Tensors[a.B], r.net.Tensors[a.Out]
	sa, sb, dst := r.codes[a.A], r.codes[a.B], r.codes[a.Out]
	if r.net.Target == Dyadic {
		sum := kernels.ShiftSum{
			MultA: m[0].M, ZeroA: ta.ZeroPoint, MultB: m[1].M, ZeroB: tb.ZeroPoint,
			Shift: int32(m[0].Shift), ZeroPoint: to.ZeroPoint, Lo: a.Lo, Hi: a.Hi,
		}
		return each(func(s *kernels.Scratch, i int) { kernels.AddCodesShift(dst.At(s, i), sa.At(s, i), sb.At(s, i), &sum) })
	}
	sum := a.codeSum(r.net)
	return each(func(s *kernels.Scratch, i int) { kernels.AddCodesRow(dst.At(s, i), sa.At(s, i), sb.At(s, i), &sum) })
}

func (a *Add) codeSum(n *Network) kernels.CodeSum {
	ta, tb, to := n.tensor(a.A), n.tensor(a.B), n.tensor(a.Out)
	return kernels.CodeSum{
		RatioA: ta.Scale / to.Scale, ZeroA: ta.ZeroPoint,
		RatioB: tb.Scale / to.Scale, ZeroB: tb.ZeroPoint,
		ZeroPoint: to.ZeroPoint, Lo: a.Lo, Hi: a.Hi,
	}
}

// Sums writes the codes of the sums of codes x of A and y of B, with the target float32.
func (a *Add) Sums(n *Network, codes, x, y []uint8) {
	sum := a.codeSum(n)
	kernels.AddCodesRow(codes, x, y, &sum)
}
