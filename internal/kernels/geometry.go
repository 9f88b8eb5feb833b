package kernels

import "fmt"

// Size is a height and a width in pixels.
type Size struct{ H, W int }

// Border is how many pixels stand around a picture.
type Border struct{ Top, Left, Bottom, Right int }

// Conv is the geometry of a 2-D convolution: input (N, H, W, Cin) within zeros, Pad of them on each side, weights
// (Kernel.H, Kernel.W, Cin/Groups, Cout), below KH and KW, output (N, OutH, OutW, Cout) with
// OutH = (Pad.Top + H + Pad.Bottom - KH)/Stride.H + 1, rounded down.
//
// With Groups, input and output channels are cut into as many runs of one length, and each run of outputs sums over its
// run of inputs.
type Conv struct {
	N, H, W, Cin, Cout int
	Kernel, Stride     Size
	Pad                Border
	Groups             int // 0 is 1
}

// Square returns g with a window that is the same along both axes and on all sides.
func (g Conv) Square(kernel, stride, pad int) Conv {
	g.Kernel, g.Stride, g.Pad = Size{kernel, kernel}, Size{stride, stride}, Border{pad, pad, pad, pad}
	return g
}

// square tells that g has that window.
func (g *Conv) square(kernel, stride, pad int) bool { return *g == g.Square(kernel, stride, pad) }

// OutH returns the output height in pixels.
func (g Conv) OutH() int { return g.rows().out() }

// OutW returns the output width in pixels.
func (g Conv) OutW() int { return g.cols().out() }

// InLen, OutLen and WeightLen are the element counts of input, output, kernel.
func (g Conv) InLen() int     { return g.N * g.H * g.W * g.Cin }
func (g Conv) OutLen() int    { return g.N * g.OutH() * g.OutW() * g.Cout }
func (g Conv) WeightLen() int { return g.taps() * (g.Cin / g.groups()) * g.Cout }

// MACs returns the multiply-accumulates of one forward pass over the batch.
func (g Conv) MACs() int64 {
	return int64(g.N) * int64(g.OutH()*g.OutW()) * int64(g.WeightLen())
}

// Check reports a geometry that no kernel accepts.
func (g Conv) Check() error {
	p := g.Pad
	if g.N < 0 || min(g.H, g.W, g.Cin, g.Cout, g.Kernel.H, g.Kernel.W, g.Stride.H, g.Stride.W) < 1 || min(p.Top, p.Left, p.Bottom, p.Right, g.Groups) < 0 ||
		max(p.Top, p.Bottom) >= g.Kernel.H || max(p.Left, p.Right) >= g.Kernel.W || g.padH() < g.Kernel.H || g.padW() < g.Kernel.W {
		return fmt.Errorf("convolution %+v: sizes must be positive, the padding of each side less than the kernel, and the kernel must fit the padded input", g)
	}
	if n := g.groups(); g.Cin%n != 0 || g.Cout%n != 0 {
		return fmt.Errorf("convolution %+v: the number of groups must divide those of input and output channels", g)
	}
	return nil
}

// Derived sizes: one picture, and the padded picture that kernels walk over.
func (g *Conv) padH() int     { return g.Pad.Top + g.H + g.Pad.Bottom }
func (g *Conv) padW() int     { return g.Pad.Left + g.W + g.Pad.Right }
func (g *Conv) inImage() int  { return g.H * g.W * g.Cin }
func (g *Conv) outImage() int { return g.OutH() * g.OutW() * g.Cout }

// taps is how many pixels a kernel has.
func (g *Conv) taps() int { return g.Kernel.H * g.Kernel.W }

func (g *Conv) groups() int { return max(g.Groups, 1) }

// group returns the convolution of one group.
func (g *Conv) group() Conv {
	one := *g
	one.Cin, one.Cout, one.Groups = g.Cin/g.groups(), g.Cout/g.groups(), 1
	return one
}

// depthwise tells that each channel is a group.
func (g *Conv) depthwise() bool { return g.Groups > 1 && g.Cin == g.Groups && g.Cout == g.Groups }

// axis is a convolution along one axis.
type axis struct{ size, kernel, stride, before, after int }

func (g *Conv) rows() axis { return axis{g.H, g.Kernel.H, g.Stride.H, g.Pad.Top, g.Pad.Bottom} }
func (g *Conv) cols() axis { return axis{g.W, g.Kernel.W, g.Stride.W, g.Pad.Left, g.Pad.Right} }

// out is the length of the output.
func (a axis) out() int { return (a.before+a.size+a.after-a.kernel)/a.stride + 1 }

// inside returns the taps, from the first to the one behind the last, that output i has inside the input.
func (a axis) inside(i int) [2]int {
	first := i*a.stride - a.before
	return [2]int{max(0, -first), min(a.kernel, a.size-first)}
}

// phase is the part of a kernel's taps, along one axis, that reaches the input
// positions h = offset (mod stride): for h = offset + stride*u the taps first,
// first-stride, ... (count of them) meet dy at start+u, start+u+1, ...
type phase struct {
	offset              int
	first, count, start int
	length              int // positions of the phase
}

func (a axis) phase(offset int) phase {
	f := phase{offset: offset, length: (a.size - offset + a.stride - 1) / a.stride}
	least := (offset + a.before) % a.stride
	if least >= a.kernel {
		return f // no tap reaches these positions
	}
	f.first = a.kernel - 1 - (a.kernel-1-least)%a.stride
	f.count = (f.first-least)/a.stride + 1
	f.start = (offset + a.before - f.first) / a.stride
	return f
}

// dyBorder returns the zeros before and after dy that the gradient of the input needs.
func (a axis) dyBorder() (before, after int) {
	for o := range a.stride {
		if f := a.phase(o); f.count > 0 && f.length > 0 {
			before = max(before, -f.start)
			after = max(after, f.start+f.length-1+f.count-a.out())
		}
	}
	return before, after
}
