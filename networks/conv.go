package networks

import (
	"cmp"
	"fmt"
)

// Conv is a convolution over zero padding, with dilation 1:
//
//	y[i, j, o] = bias[o] + sum x[i*Stride.H + u - Pad.Top, j*Stride.W + v - Pad.Left, c] * weight[u, v, c, o]
//
// With Groups, input and output channels are cut into as many runs of one length, and each run of outputs sums over its run
// of inputs, c from 0 in it; as many groups as input channels make a depthwise convolution.
type Conv struct {
	weights
	Out int // channels
	Window
	Groups int // 0 is 1
	Bias   bool
	Start  Start // of the weights; "" is [He]
}

// Kind implements [Op].
func (Conv) Kind() Kind { return "conv" }

// groups is the number of groups.
func (c Conv) groups() int { return max(c.Groups, 1) }

// Shape implements [Op].
func (c Conv) Shape(in []Shape) (Shape, error) {
	if err := cmp.Or(positive("out", c.Out), c.Start.check()); err != nil {
		return Shape{}, err
	}
	if c.Groups < 0 {
		return Shape{}, fmt.Errorf("groups is %d; expected 0, which is 1, or more", c.Groups)
	}
	if g := c.groups(); first(in).C%g != 0 || c.Out%g != 0 {
		return Shape{}, fmt.Errorf("groups is %d, of an input of %v and %d output channels; expected a divisor of both numbers of channels", g, first(in), c.Out)
	}
	s, err := c.positions(first(in), false)
	return Shape{s.H, s.W, c.Out}, err
}

// Arrays implements [Op].
func (c Conv) Arrays(in []Shape) []Array {
	return withBias(c.Bias, c.Out, Array{Name: "weight", Shape: []int{c.Kernel.H, c.Kernel.W, first(in).C / c.groups(), c.Out}, Group: WeightsGroup, Start: cmp.Or(c.Start, He)})
}

// MACs implements [Op].
func (c Conv) MACs(in []Shape) int64 {
	out, _ := c.Shape(in)
	return int64(out.H*out.W) * int64(c.Arrays(in)[0].Len())
}

// withBias is a kernel, with a bias if there is one.
func withBias(bias bool, out int, kernel Array) []Array {
	if !bias {
		return []Array{kernel}
	}
	return []Array{kernel, {Name: "bias", Shape: []int{out}, Group: BiasGroup, Start: Zeros}}
}
