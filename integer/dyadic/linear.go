package dyadic

import "github.com/qat-go/qat/internal/kernels"

// Linear gives the logits as integers on one scale for all classes:
//
//	acc      = Bias[o] + sum (code - ZeroPoint)*Weights
//	logit[o] = roundHalfEven(acc*M[o]*2^-Shift[o])
//
// which is acc itself where M[o]*2^-Shift[o] is 1. Weights are (H, W, C, Out) for an
// input tensor of shape (H, W, C).
type Linear struct {
	Name        string
	In          int
	Weights     []int8
	WeightBits  int
	Bias        []int32
	Multipliers []Multiplier
}

// Output implements Layer.
func (l *Linear) Output() int { return -1 }

// Inputs implements Layer.
func (l *Linear) Inputs() []int { return []int{l.In} }

func (l *Linear) prepare(p *Program, b *Buffers) kernels.Loop {
	zeroPoint, src, dst := p.Tensors[l.In].ZeroPoint, b.Codes[l.In], b.Logits
	return each(func(s *kernels.Scratch, i int) {
		logits := dst.At(s, i)
		Sums(logits, src.At(s, i), zeroPoint, l.Weights, l.Bias)
		for o, m := range l.Multipliers {
			logits[o] = int32(kernels.RoundShift(int64(logits[o])*int64(m.M), int32(m.Shift)))
		}
	})
}

// Sums computes acc[o] = bias[o] + sum (code - zeroPoint)*w of one picture, for
// w (codes, outputs).
func Sums(acc []int32, codes []uint8, zeroPoint uint8, w []int8, bias []int32) {
	n := len(acc)
	copy(acc, bias)
	for c, v := range codes {
		x := int32(v) - int32(zeroPoint)
		if x == 0 {
			continue
		}
		for o, weight := range w[c*n:][:n] {
			acc[o] += x * int32(weight)
		}
	}
}
