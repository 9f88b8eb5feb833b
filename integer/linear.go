package integer

import (
	"fmt"
	"math"
	"slices"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Linear gives the logits as real numbers:
//
//	acc      = Bias[o] + sum (code - ZeroPoint)*Weights      exactly, in int32
//	logit[o] = float32(float32(acc)*Scale[o])
//
// Weights are (H, W, C, Out) for an input tensor of shape (H, W, C). With the target dyadic, logits are integers on one scale:
//
//	integer[o] = roundHalfEven(acc*M[o]*2^-Shift[o]),  logit[o] = float32(integer[o])*LogitScale
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

func (l *Linear) weights(n *Network) *Weights {
	in := n.tensor(l.In)
	return &Weights{Codes: l.Weights, Height: in.H, Width: in.W, In: in.C, Out: l.Out, Bits: l.WeightBits, Bias: l.Bias, Scale: l.Scale}
}

func (l *Linear) check(n *Network) error {
	in := n.tensor(l.In)
	size, ok := product(maxWeights, in.H, in.W, in.C, l.Out)
	if !ok {
		return fmt.Errorf("%d outputs, want 1 or more and at most %d weights", l.Out, maxWeights)
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

// Dyadic implements Layer: what takes the sums to the scale that all logits have, [Network.LogitScale].
func (l *Linear) Dyadic(n *Network) ([]dyadic.Multiplier, error) {
	if l == nil {
		return nil, errNoLayer
	}
	unit, k := l.unit(n)
	ratios := make([]float32, len(l.Scale))
	for o, s := range l.Scale {
		if unit > 0 {
			s /= unit
		}
		ratios[o] = float32(math.Ldexp(float64(s), k))
	}
	return multipliers(ratios)
}

func (l *Linear) describe(_ *Network, r *Row) {
	r.Output, r.Kernel, r.Stride, r.MACs = [3]int{1, 1, l.Out}, 1, 1, int64(len(l.Weights))
}

// prepare returns a loop that gives the logits' integers and, from them, real numbers to callers that want them.
func (l *Linear) prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop {
	in, scale := r.net.Tensors[l.In], l.Scale
	if r.net.Target == Dyadic {
		scale = slices.Repeat([]float32{r.net.LogitScale()}, l.Out)
	}
	_, largest := in.Range()
	pixel := kernels.Conv{N: 1, H: 1, W: 1, Cin: in.Len(), Cout: l.Out}.Square(1, 1, 0)
	return &kernels.IntForward{
		Weights: kernels.PackIntWeights(nil, pixel, l.Weights, largest), Codes: r.codes[l.In], ZeroPoint: in.ZeroPoint, Bias: l.Bias,
		Sums: func(s *kernels.Scratch, i int, sums []int32) {
			acc, logits := r.integers.At(s, i), r.logits.At(s, i)
			copy(acc, sums)
			dyadic.Round(acc, m) // nothing for float32
			for o, v := range acc {
				logits[o] = float32(v) * scale[o]
			}
		},
	}
}

// LogitScale returns the scale of the dyadic target's logits: a logit is LogitScale
// times its integer.
func (n *Network) LogitScale() float32 {
	l := n.Logits()
	if l == nil {
		return 0
	}
	unit, k := l.unit(n)
	return float32(math.Ldexp(float64(unit), -k))
}

// maxFraction is the most bits that the dyadic target's logits have below the largest
// scale.
const maxFraction = 16

// unit returns the common scale unit*2^-k of the dyadic target's logits. unit is the
// largest |Scale|. Where all are equal, k is 0 and the integers are the sums.
// Otherwise k is the largest integer up to 16 with which no integer leaves int32.
func (l *Linear) unit(n *Network) (unit float32, k int) {
	equal := true
	for _, s := range l.Scale {
		s = max(s, -s)
		equal = equal && s == max(l.Scale[0], -l.Scale[0])
		unit = max(unit, s)
	}
	if equal {
		return unit, 0
	}
	most := int64(0)
	for _, s := range sumBounds(n.tensor(l.In), l.Weights, l.Bias) {
		most = max(most, s)
	}
	for k < maxFraction && most<<(k+1) <= math.MaxInt32 {
		k++
	}
	return unit, k
}
