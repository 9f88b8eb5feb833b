package dyadic

import (
	"encoding/binary"

	"github.com/qat-go/qat/internal/kernels"
)

// AveragePool averages each channel over all pixels:
//
//	code = clamp(roundHalfEven(sum (code - ZeroPoint)*M*2^-Shift) + ZeroPointOut, Lo, Hi)
type AveragePool struct {
	Name       string
	In, Out    int
	Multiplier Multiplier
	Lo, Hi     uint8
}

// Output implements Layer.
func (a *AveragePool) Output() int { return a.Out }

// Inputs implements Layer.
func (a *AveragePool) Inputs() []int { return []int{a.In} }

func (a *AveragePool) prepare(p *Program, b *Buffers) kernels.Loop {
	in, out := p.Tensors[a.In], p.Tensors[a.Out]
	src, dst := b.Codes[a.In], b.Codes[a.Out]
	m, shift := split([]Multiplier{a.Multiplier})
	offset := int32(in.H*in.W) * int32(in.ZeroPoint)
	sums := kernels.Pictures[int32]{Data: make([]int32, b.Workers*in.C), Each: in.C, Local: true}
	return each(func(s *kernels.Scratch, i int) {
		acc := sums.At(s, i)
		for c := range acc {
			acc[c] = -offset
		}
		SumPixels(acc, src.At(s, i))
		kernels.RequantizeShift(dst.At(s, i), acc, m, shift, out.ZeroPoint, a.Lo, a.Hi)
	})
}

// SumPixels adds the pixels x to the sums of their channels, eight bytes at a time
// as two times four sums of 16 bits, which hold 257 pixels.
func SumPixels(acc []int32, x []uint8) {
	const even, most = 0x00ff00ff00ff00ff, 257
	channels := len(acc)
	for ; len(x) > 0; x = x[min(most*channels, len(x)):] {
		part := x[:min(most*channels, len(x))]
		c := 0
		for ; c+8 <= channels; c += 8 {
			var low, high uint64
			for at := c; at < len(part); at += channels {
				v := binary.LittleEndian.Uint64(part[at:])
				low += v & even
				high += v >> 8 & even
			}
			for i := range 4 {
				acc[c+2*i] += int32(low >> (16 * i) & 0xffff)
				acc[c+2*i+1] += int32(high >> (16 * i) & 0xffff)
			}
		}
		for ; c < channels; c++ {
			for at := c; at < len(part); at += channels {
				acc[c] += int32(part[at])
			}
		}
	}
}
