package dyadic

import (
	"bytes"

	"github.com/qat-go/qat/internal/kernels"
)

// Shortcut is the parameter-free projection of ResNets on CIFAR (He et al. 2015,
// https://arxiv.org/abs/1512.03385, section 4.2, option A): every Stride-th pixel, and new
// channels of real zero, (C_out - C_in)/2 of them, rounded down, before the old ones
// and the rest after. Codes stay as they are.
type Shortcut struct {
	Name    string
	In, Out int
	Stride  int
}

// Output implements Layer.
func (l *Shortcut) Output() int { return l.Out }

// Inputs implements Layer.
func (l *Shortcut) Inputs() []int { return []int{l.In} }

func (l *Shortcut) prepare(p *Program, b *Buffers) kernels.Loop {
	return l.Loop(p.Tensors[l.In], p.Tensors[l.Out], b.Codes[l.In], b.Codes[l.Out])
}

// Loop returns the layer's loop between two tensors.
func (l *Shortcut) Loop(in, out Tensor, src, dst kernels.Pictures[uint8]) kernels.Loop {
	left := (out.C - in.C) / 2
	blank := bytes.Repeat([]byte{out.ZeroPoint}, out.W*out.C)
	return each(func(s *kernels.Scratch, i int) {
		from, to := src.At(s, i), dst.At(s, i)
		for y := range out.H {
			copy(to[y*out.W*out.C:], blank)
			for x := range out.W {
				copy(to[(y*out.W+x)*out.C+left:], from[(y*in.W+x)*l.Stride*in.C:][:in.C])
			}
		}
	})
}
