package integer

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// AveragePool averages each channel over all pixels:
//
//	code = clamp(roundHalfEven(float32(sum (code - ZeroPoint))*Multiplier) + ZeroPointOut, Lo, Hi)
//
// with the exact int32 sum, Multiplier = float32(Scale/float32(ScaleOut*H*W))
// and the output's whole range Lo..Hi.
type AveragePool struct {
	Name    string
	In, Out int
}

// Multiplier returns the multiplier that the scales and the number of pixels give.
func (a *AveragePool) Multiplier(n *Network) float32 {
	in, out := n.tensor(a.In), n.tensor(a.Out)
	return AverageMultiplier(in.Scale, out.Scale, in.H*in.W)
}

// AverageMultiplier returns the multiplier of scales and a number of pixels.
func AverageMultiplier(in, out float32, pixels int) float32 { return in / (out * float32(pixels)) }

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
	in, out := n.tensor(a.In), n.tensor(a.Out)
	if out.H != 1 || out.W != 1 || out.C != in.C {
		return fmt.Errorf("the output is (%d,%d,%d), want (1,1,%d)", out.H, out.W, out.C, in.C)
	}
	if in.H*in.W > maxPixels {
		return fmt.Errorf("%d pixels, want at most %d", in.H*in.W, maxPixels)
	}
	if m := a.Multiplier(n); !finite(m) {
		return fmt.Errorf("the scales %g and %g and %d pixels give a multiplier of %g", in.Scale, out.Scale, in.H*in.W, m)
	}
	return nil
}

// Dyadic implements Layer.
func (a *AveragePool) Dyadic(n *Network) ([]dyadic.Multiplier, error) {
	if a == nil {
		return nil, errNoLayer
	}
	return single(a.Multiplier(n))
}

func (a *AveragePool) prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[a.In], r.net.Tensors[a.Out]
	src, dst := r.codes[a.In], r.codes[a.Out]
	lo, hi := out.Range()
	to := r.rounding(out, lo, hi, []float32{a.Multiplier(r.net)}, m)
	offset := int32(in.H*in.W) * int32(in.ZeroPoint)
	sums := kernels.Pictures[int32]{Data: make([]int32, r.pool.Threads()*in.C), Each: in.C, Local: true}
	return each(func(s *kernels.Scratch, i int) {
		acc := sums.At(s, i)
		for c := range acc {
			acc[c] = -offset
		}
		dyadic.SumPixels(acc, src.At(s, i))
		to.Row(dst.At(s, i), acc)
	})
}
