package integer

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Linear gives the logits as real numbers:
//
//	acc      = Bias[o] + sum (code - ZeroPoint)*Weights      exactly, in int32
//	logit[o] = float32(float32(acc)*Scale[o])
//
// Weights are (H, W, C, Out) for an input tensor of shape (H, W, C).
type Linear struct {
	Name       string
	In         int
	Out        int // number of classes
	Weights    []int8
	WeightBits int
	Scale      []float32 // of the int32 sum, per output: s_x*s_w
	Bias       []int32
}

// LayerName implements Layer.
func (l *Linear) LayerName() string { return l.Name }

// Kind implements Layer.
func (l *Linear) Kind() string { return "linear" }

// Output implements Layer.
func (l *Linear) Output() int { return -1 }

// Inputs implements Layer.
func (l *Linear) Inputs() []int { return []int{l.In} }

func (l *Linear) weights() ([]int8, int, []int32, []float32) {
	return l.Weights, l.WeightBits, l.Bias, l.Scale
}

func (l *Linear) check(n *Network) error {
	in := n.Tensors[l.In]
	size, ok := product(maxElements, in.H, in.W, in.C, l.Out)
	if !ok {
		return fmt.Errorf("%d outputs, want 1 or more and at most %d weights", l.Out, maxElements)
	}
	if len(l.Scale) != l.Out || len(l.Bias) != l.Out {
		return fmt.Errorf("%d scales and %d biases for %d outputs", len(l.Scale), len(l.Bias), l.Out)
	}
	for o, s := range l.Scale {
		if !finite(s * math.MaxInt32) {
			return fmt.Errorf("output %d: scale %g, want a number that keeps logits finite", o, s)
		}
	}
	if err := checkWeights(l.Weights, size, l.WeightBits); err != nil {
		return err
	}
	return checkSums(in, l.Weights, l.Bias)
}

func (l *Linear) prepare(r *Runner) kernels.Loop {
	zeroPoint, src := r.net.Tensors[l.In].ZeroPoint, r.codes[l.In]
	return each(func(s *kernels.Scratch, i int) {
		acc, logits := r.integers.At(s, i), r.logits.At(s, i)
		dyadic.Sums(acc, src.At(s, i), zeroPoint, l.Weights, l.Bias)
		for o, v := range acc {
			logits[o] = float32(v) * l.Scale[o]
		}
	})
}
