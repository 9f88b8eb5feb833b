package integer

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/qat-go/qat/internal/kernels"
)

// AveragePool averages each channel over all pixels:
//
//	code = clamp(roundHalfEven(float32(sum (code - ZeroPoint))*Multiplier) + ZeroPointOut, Lo, Hi)
//
// with the exact int32 sum, Multiplier = float32(Scale/float32(ScaleOut*H*W))
// and the output's whole range Lo..Hi.
type AveragePool struct {
	Name       string
	In, Out    int
	Multiplier float32
}

// NewAveragePool returns the pool with the multiplier for its tensors.
func NewAveragePool(n *Network, name string, in, out int) *AveragePool {
	return &AveragePool{Name: name, In: in, Out: out, Multiplier: poolMultiplier(n.Tensors[in], n.Tensors[out])}
}

func poolMultiplier(in, out Tensor) float32 { return in.Scale / (out.Scale * float32(in.H*in.W)) }

// LayerName implements Layer.
func (a *AveragePool) LayerName() string { return a.Name }

// Kind implements Layer.
func (a *AveragePool) Kind() string { return "average_pool" }

// Output implements Layer.
func (a *AveragePool) Output() int { return a.Out }

// Inputs implements Layer.
func (a *AveragePool) Inputs() []int { return []int{a.In} }

// maxPixels keeps the sum of a channel's codes within int32.
const maxPixels = math.MaxInt32 / 255

func (a *AveragePool) check(n *Network) error {
	in, out := n.Tensors[a.In], n.Tensors[a.Out]
	if out.H != 1 || out.W != 1 || out.C != in.C {
		return fmt.Errorf("the output is (%d,%d,%d), want (1,1,%d)", out.H, out.W, out.C, in.C)
	}
	if in.H*in.W > maxPixels {
		return fmt.Errorf("%d pixels, want at most %d", in.H*in.W, maxPixels)
	}
	if m := poolMultiplier(in, out); !finite(m) || m != a.Multiplier {
		return fmt.Errorf("multiplier %g, the scales and %d pixels give %g", a.Multiplier, in.H*in.W, m)
	}
	return nil
}

func (a *AveragePool) prepare(r *Runner) kernels.Loop {
	in, out := r.net.Tensors[a.In], r.net.Tensors[a.Out]
	src, dst := r.codes[a.In], r.codes[a.Out]
	lo, hi := out.Range()
	offset := int32(in.H*in.W) * int32(in.ZeroPoint)
	sums := kernels.Pictures[int32]{Data: make([]int32, r.pool.Threads()*in.C), Each: in.C, Local: true}
	return each(func(s *kernels.Scratch, i int) {
		acc, d := sums.At(s, i), dst.At(s, i)
		clear(acc)
		sumPixels(acc, src.At(s, i))
		for c, v := range acc {
			m := float32(v-offset) * a.Multiplier
			d[c] = clamp(math.RoundToEven(float64(m))+float64(out.ZeroPoint), lo, hi)
		}
	})
}

// sumPixels adds the pixels x to the sums of their channels, eight bytes at a time
// as two times four sums of 16 bits, which hold 257 pixels.
func sumPixels(acc []int32, x []uint8) {
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

// clamp brings a rounded value, which is not NaN, into [lo, hi].
func clamp(v float64, lo, hi uint8) uint8 {
	return uint8(min(max(v, float64(lo)), float64(hi)))
}
