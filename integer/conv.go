package integer

import (
	"fmt"
	"slices"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// Conv is a convolution with its batch norm and ReLU:
//
//	acc  = Bias[c] + sum (code - ZeroPoint) * Weights
//	code = clamp(roundHalfEven(float32(acc)*Multiplier[c]) + ZeroPointOut, Lo, Hi)
//
// ReLU is the lower bound Lo = ZeroPointOut. Weights are (KH, KW, Cin/Groups, Cout);
// padding is real zero, the input's zero point. Multiplier[c] is
// float32(Scale[c]/ScaleOut), and negative where the batch norm's gamma is; it
// follows from the scales, so the layer does not hold it.
type Conv struct {
	Name    string
	In, Out int
	networks.Window
	Groups     int // 0 is 1
	Weights    []int8
	WeightBits int       // 1: -1 and 1; more: two's complement
	Scale      []float32 // of the int32 sum, per channel: s_x*s_w'
	Bias       []int32
	Lo, Hi     uint8
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
	return &Weights{Codes: c.Weights, Height: c.Kernel.H, Width: c.Kernel.W, In: n.tensor(c.In).C / max(c.Groups, 1), Out: n.tensor(c.Out).C, Bits: c.WeightBits, Bias: c.Bias, Scale: c.Scale}
}

// NewConv returns the convolution with the bounds of its output tensor. It keeps w,
// unless a channel is dead.
func NewConv(n *Network, name string, in, out int, window networks.Window, groups int, w []int8, bits int, f Folded, relu bool) *Conv {
	to := n.tensor(out)
	w = f.Weights(w)
	if groups == 1 {
		groups = 0
	}
	c := &Conv{Name: name, In: in, Out: out, Window: window, Groups: groups, Weights: w, WeightBits: StoredBits(w, bits),
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
		m[i] = s / n.tensor(c.Out).Scale
	}
	return m
}

func (c *Conv) geometry(n *Network) kernels.Conv {
	in, out := n.tensor(c.In), n.tensor(c.Out)
	return kernels.Conv{N: 1, H: in.H, W: in.W, Cin: in.C, Cout: out.C,
		Kernel: kernels.Size(c.Kernel), Stride: kernels.Size(c.Stride), Pad: kernels.Border(c.Pad), Groups: c.Groups}
}

func (c *Conv) check(n *Network) error {
	in, out := n.tensor(c.In), n.tensor(c.Out)
	k, s, p := c.Kernel, c.Stride, c.Pad
	if min(k.H, k.W, s.H, s.W) < 1 || max(k.H, k.W) > maxKernel || max(s.H, s.W) > maxElements ||
		min(p.Top, p.Left, p.Bottom, p.Right) < 0 || max(p.Top, p.Bottom) >= k.H || max(p.Left, p.Right) >= k.W {
		return fmt.Errorf("kernel %v, stride %v and padding %v; want a kernel of 1 to %d, a positive stride and less padding than kernel", k, s, p, maxKernel)
	}
	groups := max(c.Groups, 1)
	if c.Groups < 0 || in.C%groups != 0 || out.C%groups != 0 {
		return fmt.Errorf("%d groups of %d input and %d output channels; want a divisor of both", c.Groups, in.C, out.C)
	}
	if err := checkPadded(in, p); err != nil {
		return err
	}
	g := c.geometry(n)
	if err := g.Check(); err != nil {
		return err
	}
	if g.OutH() != out.H || g.OutW() != out.W {
		return fmt.Errorf("output is (%d,%d), tensor %d is (%d,%d)", g.OutH(), g.OutW(), c.Out, out.H, out.W)
	}
	size, ok := product(maxWeights, k.H, k.W, in.C/groups, out.C)
	if !ok {
		return fmt.Errorf("the kernel has more than %d weights", maxWeights)
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
func (c *Conv) Dyadic(n *Network) ([]dyadic.Multiplier, error) {
	if c == nil {
		return nil, errNoLayer
	}
	return multipliers(c.Multipliers(n))
}

func (c *Conv) describe(n *Network, r *Row) {
	r.Kernel, r.Stride, r.MACs = c.Kernel.H, c.Stride.H, int64(len(c.Weights))*int64(r.Output[0])*int64(r.Output[1])
	if c.Kernel.W != c.Kernel.H {
		r.KernelWidth = c.Kernel.W
	}
	if c.Stride.W != c.Stride.H {
		r.StrideWidth = c.Stride.W
	}
	if c.Groups > 1 {
		r.Groups = c.Groups
	}
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
