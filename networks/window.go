package networks

import "fmt"

// Size is a height and a width in pixels.
type Size struct{ H, W int }

// String is "3x3".
func (s Size) String() string { return fmt.Sprintf("%dx%d", s.H, s.W) }

// Pad is how many pixels stand around an image, in the order of ONNX.
type Pad struct{ Top, Left, Bottom, Right int }

// String is "1" for one pixel on each side, else "0,0,1,1": top, left, bottom, right.
func (p Pad) String() string {
	if p == (Pad{p.Top, p.Top, p.Top, p.Top}) {
		return fmt.Sprint(p.Top)
	}
	return fmt.Sprintf("%d,%d,%d,%d", p.Top, p.Left, p.Bottom, p.Right)
}

// Window slides over an image in steps of Stride: Kernel is its size, and it begins Pad outside of the image.
type Window struct {
	Kernel, Stride Size
	Pad            Pad
}

// Slides gives the window of an operation that has one.
func (w Window) Slides() Window { return w }

// Square is a window that is the same along both axes and on all sides.
func Square(kernel, stride, pad int) Window {
	return Window{Size{kernel, kernel}, Size{stride, stride}, Pad{pad, pad, pad, pad}}
}

// Same is a window with the padding of TensorFlow's SAME: there are as many positions as strides fit into the image, and of
// an odd number of pixels around it one more stands at the end than at the beginning.
func Same(in Shape, kernel, stride Size) Window {
	around := func(pixels, kernel, stride int) (begin, end int) {
		stride = max(stride, 1)
		all := max(((pixels-1)/stride)*stride+kernel-pixels, 0)
		return all / 2, all - all/2
	}
	w := Window{Kernel: kernel, Stride: stride}
	w.Pad.Top, w.Pad.Bottom = around(in.H, kernel.H, stride.H)
	w.Pad.Left, w.Pad.Right = around(in.W, kernel.W, stride.W)
	return w
}

// IsSquare tells that the window is the same along both axes and on all sides, and gives what [Square] takes.
func (w Window) IsSquare() (kernel, stride, pad int, ok bool) {
	kernel, stride, pad = w.Kernel.H, w.Stride.H, w.Pad.Top
	return kernel, stride, pad, w == Square(kernel, stride, pad)
}

// positions counts the positions of the window, along both axes. ceil has one more where the last would end outside, if it
// begins on the image or the padding before it (PyTorch's ceil_mode).
func (w Window) positions(in Shape, ceil bool) (Size, error) {
	p := w.Pad
	if w.Kernel.H < 1 || w.Kernel.W < 1 || w.Stride.H < 1 || w.Stride.W < 1 {
		return Size{}, fmt.Errorf("kernel is %v and stride %v; expected 1x1 or more", w.Kernel, w.Stride)
	}
	if min(p.Top, p.Left, p.Bottom, p.Right) < 0 {
		return Size{}, fmt.Errorf("pad is %v; expected 0 or more on each side", p)
	}
	along := func(pixels, kernel, stride, begin, end int) int {
		rest := pixels + begin + end - kernel // after the first position
		over := ((rest % stride) + stride) % stride
		count := (rest-over)/stride + 1
		if ceil && over > 0 && count*stride < pixels+begin {
			count++
		}
		return count
	}
	s := Size{along(in.H, w.Kernel.H, w.Stride.H, p.Top, p.Bottom), along(in.W, w.Kernel.W, w.Stride.W, p.Left, p.Right)}
	if s.H < 1 || s.W < 1 {
		return Size{}, fmt.Errorf("a window of %v over an input of %v, padded by %v; expected one that fits in it", w.Kernel, in, p)
	}
	return s, nil
}

// pool is [Window.positions] of pooling, with all channels: no position may lie on padding alone.
func (w Window) pool(in Shape, ceil bool) (Shape, error) {
	s, err := w.positions(in, ceil)
	if err != nil {
		return Shape{}, err
	}
	if p, half := w.Pad, (Size{w.Kernel.H / 2, w.Kernel.W / 2}); max(p.Top, p.Bottom) > half.H || max(p.Left, p.Right) > half.W {
		return Shape{}, fmt.Errorf("pad is %v; expected at most half of the kernel, %v", p, half)
	}
	return Shape{s.H, s.W, in.C}, nil
}
