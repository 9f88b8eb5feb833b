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
	values := make([]int32, len(table))
	for v := range values {
		values[v] = int32(v) - int32(in.ZeroPoint)
	}
	m, shift := split([]Multiplier{q.Multiplier})
	kernels.RequantizeShift(table[:], values, m, shift, out.ZeroPoint, q.Lo, q.Hi)
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
	sa, sb, dst := b.Codes[a.A], b.Codes[a.B], b.Codes[a.Out]
	sum := kernels.ShiftSum{
		MultA: a.MA, ZeroA: p.Tensors[a.A].ZeroPoint, MultB: a.MB, ZeroB: p.Tensors[a.B].ZeroPoint,
		Shift: int32(a.Shift), ZeroPoint: p.Tensors[a.Out].ZeroPoint, Lo: a.Lo, Hi: a.Hi,
	}
	return each(func(s *kernels.Scratch, i int) { kernels.AddCodesShift(dst.At(s, i), sa.At(s, i), sb.At(s, i), &sum) })
}
