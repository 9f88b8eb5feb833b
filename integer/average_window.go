package integer

import (
	"fmt"
	"math"
	"slices"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// AverageWindow averages each channel in windows that do not all count as many pixels, because padding is left out or, with
// PyTorch's ceil_mode, because the last ones reach beyond the input:
//
//	code = clamp(roundHalfEven(float32(sum (code - ZeroPoint))*Multiplier[count]) + ZeroPointOut, Lo, Hi)
//
// with the exact int32 sum, Multiplier[count] = float32(Scale/float32(ScaleOut*count)) and the output's whole range Lo..Hi.
// [networks.AveragePool.Spans] counts. How many positions the window has is the output's shape, as for [MaxPool]. Where all
// count as many pixels, averages are a [Conv] whose weights are 1.
type AverageWindow struct {
	Name    string
	In, Out int
	networks.Window
	CountPad bool // padding counts; what lies beyond it never does
}

// Multipliers returns those of 1, 2, 3 and so on pixels, as many as the window has.
func (a *AverageWindow) Multipliers(n *Network) []float32 {
	m := make([]float32, a.Kernel.H*a.Kernel.W)
	for i := range m {
		m[i] = AverageMultiplier(n.tensor(a.In).Scale, n.tensor(a.Out).Scale, i+1)
	}
	return m
}

// Counts lists how many rows the window counts at each position from top to bottom, and how many columns from left to right.
func (a *AverageWindow) Counts(n *Network) (rows, columns []int) {
	r, c := networks.AveragePool{Window: a.Window, CountPad: a.CountPad}.Spans(n.tensor(a.In).shape(), n.tensor(a.Out).shape())
	counts := func(spans []networks.Span) []int {
		all := make([]int, len(spans))
		for i, s := range spans {
			all[i] = s.Count
		}
		return all
	}
	return counts(r), counts(c)
}

// Covering is the window with the padding at its end that the last positions reach over.
func (a *AverageWindow) Covering(n *Network) networks.Window {
	return n.covering(a.In, a.Out, a.Window)
}

// LayerName implements Layer.
func (a *AverageWindow) LayerName() string { return a.Name }

// Kind implements Layer.
func (a *AverageWindow) Kind() string { return "average_window" }

// Output implements Layer.
func (a *AverageWindow) Output() int { return a.Out }

// Inputs implements Layer.
func (a *AverageWindow) Inputs() []int { return []int{a.In} }

// maxCount keeps counts within bytes, which the C program has of them, and sums within int32.
const maxCount = math.MaxUint8

func (a *AverageWindow) check(n *Network) error {
	in, out := n.tensor(a.In), n.tensor(a.Out)
	if max(a.Kernel.H, a.Kernel.W) > maxCount {
		return fmt.Errorf("a window of %v, want at most %d pixels along an axis", a.Kernel, maxCount)
	}
	if err := checkPool(in, out, a.Window); err != nil {
		return err
	}
	if err := checkPadded(in, a.Covering(n).Pad); err != nil {
		return err
	}
	if m := in.Scale / out.Scale; !finite(m) {
		return fmt.Errorf("the scales %g and %g give a multiplier of %g", in.Scale, out.Scale, m)
	}
	return nil
}

// Dyadic implements Layer: the multipliers of 1, 2, 3 and so on pixels.
func (a *AverageWindow) Dyadic(n *Network) ([]dyadic.Multiplier, error) {
	if a == nil {
		return nil, errNoLayer
	}
	var all []dyadic.Multiplier
	for i, v := range a.Multipliers(n) {
		m, err := multiplier(v)
		if err != nil {
			return nil, fmt.Errorf("windows of %d pixels: %w", i+1, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// prepare sums by a convolution of each channel by itself, whose weights are 1.
func (a *AverageWindow) prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[a.In], r.net.Tensors[a.Out]
	dst := r.codes[a.Out]
	lo, hi := out.Range()
	real := a.Multipliers(r.net)
	to := make([]rounding, len(real)) // by the count
	for i := range to {
		var exact []dyadic.Multiplier
		if m != nil {
			exact = m[i : i+1]
		}
		to[i] = r.rounding(out, lo, hi, real[i:i+1], exact)
	}
	rows, columns := a.Counts(r.net)
	_, largest := in.Range()
	w := a.Covering(r.net)
	sum := kernels.Conv{N: 1, H: in.H, W: in.W, Cin: in.C, Cout: in.C, Groups: in.C,
		Kernel: kernels.Size(w.Kernel), Stride: kernels.Size(w.Stride), Pad: kernels.Border(w.Pad)}
	return &kernels.IntForward{
		Weights: kernels.PackIntWeights(nil, sum, slices.Repeat([]int8{1}, len(real)*in.C), largest),
		Codes:   r.codes[a.In], ZeroPoint: in.ZeroPoint, Bias: make([]int32, in.C),
		Sums: func(s *kernels.Scratch, i int, sums []int32) {
			y := dst.At(s, i)
			for at := 0; at < len(y); at += in.C {
				p := at / in.C
				to[rows[p/out.W]*columns[p%out.W]-1].Row(y[at:][:in.C], sums[at:][:in.C])
			}
		},
	}
}
