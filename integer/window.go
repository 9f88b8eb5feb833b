package integer

import (
	"fmt"

	"github.com/qat-go/qat/networks"
)

// covering is a window between two tensors with padding at its end for what the last positions reach beyond the input.
func (n *Network) covering(from, to int, w networks.Window) networks.Window {
	in, out := n.tensor(from), n.tensor(to)
	beyond := func(positions, pixels, kernel, stride, before int) int {
		return max(0, (positions-1)*stride+kernel-before-pixels)
	}
	w.Pad.Bottom = beyond(out.H, in.H, w.Kernel.H, w.Stride.H, w.Pad.Top)
	w.Pad.Right = beyond(out.W, in.W, w.Kernel.W, w.Stride.W, w.Pad.Left)
	return w
}

// checkPool verifies that pooling in windows, without or with ceil_mode, takes a tensor to the shape of another.
func checkPool(in, out Tensor, w networks.Window) error {
	if max(w.Kernel.H, w.Kernel.W) > maxKernel || max(w.Stride.H, w.Stride.W) > maxElements {
		return fmt.Errorf("kernel %v and stride %v; want a kernel of at most %d and a stride of at most %d", w.Kernel, w.Stride, maxKernel, maxElements)
	}
	for _, ceil := range []bool{false, true} { // with it, windows larger than the input go, too
		s, err := networks.MaxPool{Window: w, Ceil: ceil}.Shape([]networks.Shape{in.shape()})
		switch {
		case err != nil && ceil:
			return err
		case err == nil && s == out.shape():
			return nil
		}
	}
	return fmt.Errorf("kernel %v, stride %v and padding %v do not take (%d,%d,%d) to (%d,%d,%d)", w.Kernel, w.Stride, w.Pad, in.H, in.W, in.C, out.H, out.W, out.C)
}
