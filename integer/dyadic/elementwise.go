package dyadic

import "github.com/qat-go/qat/internal/kernels"

// Requantize moves codes from one scale to another:
//
//	code = clamp(roundHalfEven((code - ZeroPoint)*M*2^-Shift) + ZeroPointOut, Lo, Hi)
type Requantize struct {
	Name       string
	In, Out    int
	Multiplier Multiplier
	Lo, Hi     uint8
}

// Output implements Layer.
func (q *Requantize) Output() int { return q.Out }

// Inputs implements Layer.
func (q *Requantize) Inputs() []int { return []int{q.In} }

func (q *Requantize) prepare(p *Program, b *Buffers) kernels.Loop {
	in, out := p.Tensors[q.In], p.Tensors[q.Out]
	var table [256]uint8 // every code has one result
	to := newSpan(out.ZeroPoint, q.Lo, q.Hi)
	for v := range table {
		table[v] = to.code(Round((int64(v)-int64(in.ZeroPoint))*int64(q.Multiplier.M), q.Multiplier.Shift))
	}
	src, dst := b.Codes[q.In], b.Codes[q.Out]
	return each(func(s *kernels.Scratch, i int) { kernels.MapBytes(dst.At(s, i), src.At(s, i), &table) })
}

// Add sums two tensors on a common scale and rounds once:
//
//	code = clamp(roundHalfEven(((a - za)*MA + (b - zb)*MB)*2^-Shift) + ZeroPointOut, Lo, Hi)
type Add struct {
	Name      string
	A, B, Out int
	MA, MB    int32
	Shift     uint8
	Lo, Hi    uint8
}

// Output implements Layer.
func (a *Add) Output() int { return a.Out }

// Inputs implements Layer.
func (a *Add) Inputs() []int { return []int{a.A, a.B} }

func (a *Add) prepare(p *Program, b *Buffers) kernels.Loop {
	za, zb := int64(p.Tensors[a.A].ZeroPoint), int64(p.Tensors[a.B].ZeroPoint)
	to := newSpan(p.Tensors[a.Out].ZeroPoint, a.Lo, a.Hi)
	sa, sb, dst := b.Codes[a.A], b.Codes[a.B], b.Codes[a.Out]
	ma, mb := int64(a.MA), int64(a.MB)
	zero, shift := -za*ma-zb*mb, a.Shift
	return each(func(s *kernels.Scratch, i int) {
		x, y, sum := sa.At(s, i), sb.At(s, i), dst.At(s, i)
		x, y = x[:len(sum)], y[:len(sum)]
		to, ma, mb, zero, shift := to, ma, mb, zero, shift // in registers
		for j := range sum {
			sum[j] = to.code(Round(int64(x[j])*ma+int64(y[j])*mb+zero, shift))
		}
	})
}
