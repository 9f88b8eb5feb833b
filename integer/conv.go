package integer

import (
	"fmt"
	"slices"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// Conv is a convolution with its batch norm and ReLU:
//
//	acc  = Bias[c] + sum (code - ZeroPoint) * Weights
//	code = clamp(roundHalfEven(float32(acc)*Multiplier[c]) + ZeroPointOut, Lo, Hi)
//
// ReLU is the lower bound Lo = ZeroPointOut. Weights are (K, K, Cin, Cout);
// padding is real zero, the input's zero point. Multiplier[c] is
// float32(Scale[c]/ScaleOut), and negative where the batch norm's gamma is; it
// follows from the scales, so the layer does not hold it.
type Conv struct {
	Name           string
	In, Out        int
	K, Stride, Pad int
	Weights        []int8
	WeightBits     int       // 1: -1 and 1; more: two's complement
	Scale          []float32 // of the int32 sum, per channel: s_x*s_w'
	Bias           []int32
	Lo, Hi         uint8
}

// LayerName implements Layer.
func (c *Conv) LayerName() string { return c.Name }

// Kind implements Layer.
func (c *Conv) Kind() string { return "conv" }

// Output implements Layer.
func (c *Conv) Output() int { return c.Out }

// Inputs implements Layer.
func (c *Conv) Inputs() []int { return []int{c.In} }

func (c *Conv) weights(n *Network) *Weights {
	return &Weights{Codes: c.Weights, Height: c.K, Width: c.K, In: n.Tensors[c.In].C, Out: n.Tensors[c.Out].C, Bits: c.WeightBits, Bias: c.Bias, Scale: c.Scale}
}

// NewConv returns the convolution with the bounds of its output tensor. It keeps w,
// unless a channel is dead.
func NewConv(n *Network, name string, in, out, k, stride, pad int, w []int8, bits int, f Folded, relu bool) *Conv {
	to := n.Tensors[out]
	w = f.Weights(w)
	c := &Conv{Name: name, In: in, Out: out, K: k, Stride: stride, Pad: pad, Weights: w, WeightBits: StoredBits(w, bits),
		Scale: f.Scale, Bias: f.Bias}
	c.Lo, c.Hi = to.Range()
	if relu {
		c.Lo = max(c.Lo, to.ZeroPoint)
	}
	return c
}

// StoredBits returns the bits of weights that were made with so many. Weights of 1 bit are -1 and 1; the zeros of a dead
// channel among them take 2.
func StoredBits(w []int8, bits int) int {
	if bits == 1 && slices.Contains(w, 0) {
		return 2
	}
	return bits
}

// Multipliers returns the multiplier of each channel.
func (c *Conv) Multipliers(n *Network) []float32 {
	m := make([]float32, len(c.Scale))
	for i, s := range c.Scale {
		m[i] = s / n.Tensors[c.Out].Scale
	}
	return m
}

func (c *Conv) geometry(n *Network) kernels.Conv {
	in, out := n.Tensors[c.In], n.Tensors[c.Out]
	return kernels.Conv{N: 1, H: in.H, W: in.W, Cin: in.C, Cout: out.C}.Square(c.K, c.Stride, c.Pad)
}

func (c *Conv) check(n *Network) error {
	in, out := n.Tensors[c.In], n.Tensors[c.Out]
	if c.K < 1 || c.K > maxKernel || c.Pad < 0 || c.Pad >= c.K || c.Stride < 1 || c.Stride > maxElements {
		return fmt.Errorf("kernel %d, stride %d and padding %d; want a kernel of 1 to %d, a positive stride and less padding than kernel",
			c.K, c.Stride, c.Pad, maxKernel)
	}
	if _, ok := product(maxElements, in.H+2*c.Pad, in.W+2*c.Pad, in.C); !ok {
		return fmt.Errorf("the padded input has more than %d elements", maxElements)
	}
	g := c.geometry(n)
	if err := g.Check(); err != nil {
		return err
	}
	if g.OutH() != out.H || g.OutW() != out.W {
		return fmt.Errorf("output is (%d,%d), tensor %d is (%d,%d)", g.OutH(), g.OutW(), c.Out, out.H, out.W)
	}
	size, ok := product(maxElements, c.K, c.K, in.C, out.C)
	if !ok {
		return fmt.Errorf("the kernel has more than %d weights", maxElements)
	}
	if err := checkWeights(c.Weights, size, c.WeightBits); err != nil {
		return err
	}
	if len(c.Bias) != out.C || len(c.Scale) != out.C {
		return fmt.Errorf("%d biases and %d scales for %d channels", len(c.Bias), len(c.Scale), out.C)
	}
	for i, m := range c.Multipliers(n) {
		if !finite(c.Scale[i]) || !finite(m) {
			return fmt.Errorf("channel %d: scale %g over output scale %g does not give a finite multiplier", i, c.Scale[i], out.Scale)
		}
	}
	if err := checkClamp(c.Lo, c.Hi, out); err != nil {
		return err
	}
	return checkSums(in, c.Weights, c.Bias)
}

// Dyadic implements Layer.
func (c *Conv) Dyadic(n *Network) ([]dyadic.Multiplier, error) { return multipliers(c.Multipliers(n)) }

func (c *Conv) describe(n *Network, r *Row) {
	r.Kernel, r.Stride, r.MACs = c.K, c.Stride, int64(len(c.Weights))*int64(r.Output[0])*int64(r.Output[1])
}

func (c *Conv) prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop {
	in, out := r.net.Tensors[c.In], r.net.Tensors[c.Out]
	src, dst := r.codes[c.In], r.codes[c.Out]
	_, largest := in.Range()
	w := kernels.PackIntWeights(nil, c.geometry(r.net), c.Weights, largest)
	if r.net.Target == Dyadic {
		return dyadic.NewRounding(m, out.ZeroPoint, c.Lo, c.Hi).Convolution(w, src, in.ZeroPoint, c.Bias, dst)
	}
	return &kernels.IntForward{
		Weights: w, Codes: src, ZeroPoint: in.ZeroPoint, Bias: c.Bias,
		Requant: kernels.Requantization{Y: dst, Multiplier: c.Multipliers(r.net), ZeroPoint: float32(out.ZeroPoint), Lo: float32(c.Lo), Hi: float32(c.Hi)},
	}
}
