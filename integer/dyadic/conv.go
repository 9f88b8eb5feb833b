package dyadic

import "github.com/qat-go/qat/internal/kernels"

// Conv is a convolution with its batch norm and ReLU:
//
//	acc  = Bias[c] + sum (code - ZeroPoint)*Weights
//	code = clamp(roundHalfEven(acc*M[c]*2^-Shift[c]) + ZeroPointOut, Lo, Hi)
//
// Weights are (K, K, Cin, Cout); padding is the input's zero point.
type Conv struct {
	Name           string
	In, Out        int
	K, Stride, Pad int
	Weights        []int8
	WeightBits     int
	Bias           []int32
	Multipliers    []Multiplier
	Lo, Hi         uint8
}

// Output implements Layer.
func (c *Conv) Output() int { return c.Out }

// Inputs implements Layer.
func (c *Conv) Inputs() []int { return []int{c.In} }

func (c *Conv) prepare(p *Program, b *Buffers) kernels.Loop {
	in, out := p.Tensors[c.In], p.Tensors[c.Out]
	g := kernels.Conv{N: 1, H: in.H, W: in.W, Cin: in.C, Cout: out.C, K: c.K, Stride: c.Stride, Pad: c.Pad}
	dst := b.Codes[c.Out]
	m, shift := split(c.Multipliers)
	return &kernels.IntForward{
		Weights: kernels.PackIntWeights(nil, g, c.Weights, in.Largest), Codes: b.Codes[c.In], ZeroPoint: in.ZeroPoint, Bias: c.Bias,
		Sums: func(s *kernels.Scratch, n int, acc []int32) {
			kernels.RequantizeShift(dst.At(s, n), acc, m, shift, out.ZeroPoint, c.Lo, c.Hi)
		},
	}
}
