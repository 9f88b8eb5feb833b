package networks

import "fmt"

// Conv is a convolution without bias: a Kernel x Kernel window over zero padding of Pad pixels,
//
//	y[i, j, o] = sum x[i*Stride + u - Pad, j*Stride + v - Pad, c] * weight[u, v, c, o]
type Conv struct {
	weights
	Out                 int // channels
	Kernel, Stride, Pad int
}

// Kind implements [Op].
func (Conv) Kind() Kind { return "conv" }

// Shape implements [Op].
func (c Conv) Shape(in []Shape) (Shape, error) {
	if err := positive("out", c.Out, "kernel", c.Kernel, "stride", c.Stride, "pad + 1", c.Pad+1); err != nil {
		return Shape{}, err
	}
	s := Shape{(in[0].H+2*c.Pad-c.Kernel)/c.Stride + 1, (in[0].W+2*c.Pad-c.Kernel)/c.Stride + 1, c.Out}
	if in[0].H+2*c.Pad < c.Kernel || in[0].W+2*c.Pad < c.Kernel {
		return Shape{}, fmt.Errorf("a kernel of %dx%d over an input of %v, padded by %d; expected one that fits in it", c.Kernel, c.Kernel, in[0], c.Pad)
	}
	return s, nil
}

// Arrays implements [Op].
func (c Conv) Arrays(in []Shape) []Array {
	return []Array{{Name: "weight", Shape: []int{c.Kernel, c.Kernel, in[0].C, c.Out}, Group: WeightsGroup, Start: He}}
}

// MACs implements [Op].
func (c Conv) MACs(in []Shape) int64 {
	out, _ := c.Shape(in)
	return int64(out.H*out.W) * int64(c.Arrays(in)[0].Len())
}
