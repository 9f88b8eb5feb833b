package networks

import "fmt"

// MaxPool is the largest value of each channel in a window of Kernel x Kernel pixels, every Stride pixels, from Pad pixels
// outside of the input on; what is outside of it never wins. It is PyTorch's MaxPool2d with dilation 1: Ceil has one window
// more where the last would end outside, if it starts on the input or its padding of the other side.
type MaxPool struct {
	unary
	Kernel, Stride, Pad int
	Ceil                bool // PyTorch's ceil_mode
}

// Kind implements [Op].
func (MaxPool) Kind() Kind { return "max_pool" }

// Shape implements [Op].
func (m MaxPool) Shape(in []Shape) (Shape, error) {
	if err := positive("kernel", m.Kernel, "stride", m.Stride, "pad + 1", m.Pad+1); err != nil {
		return Shape{}, err
	}
	if m.Pad > m.Kernel/2 {
		return Shape{}, fmt.Errorf("pad is %d; expected at most half of the kernel, %d", m.Pad, m.Kernel/2)
	}
	s := Shape{m.windows(in[0].H), m.windows(in[0].W), in[0].C}
	if s.H < 1 || s.W < 1 {
		return Shape{}, fmt.Errorf("a window of %dx%d over an input of %v, padded by %d; expected one that fits in it", m.Kernel, m.Kernel, in[0], m.Pad)
	}
	return s, nil
}

// windows counts the windows along an axis of n pixels.
func (m MaxPool) windows(n int) int {
	rest := n + 2*m.Pad - m.Kernel // of the pixels after the first window
	over := ((rest % m.Stride) + m.Stride) % m.Stride
	count := (rest-over)/m.Stride + 1
	if m.Ceil && over > 0 && count*m.Stride < n+m.Pad {
		count++
	}
	return count
}

// NonNegative implements [Op].
func (MaxPool) NonNegative(in []bool) bool { return in[0] }

// Moves implements [Op].
func (MaxPool) Moves() bool { return true }
