package integer

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/qat-go/qat/networks"
)

// maxElements bounds the bytes of one image's codes, over all tensors, and
// the padded input of a convolution: what ResNet-50 needs at 768 x 768, eleven
// times that of 224 x 224. It keeps a damaged or hostile file from asking for
// memory that its size gives no right to.
const maxElements = 1 << 28

// maxWeights bounds the weights of a layer, which a file holds.
const maxWeights = math.MaxInt32

// maxKernel is the largest window, that of the largest images over all of
// their pixels: a linear layer over flattened ones is such a convolution.
const maxKernel = 4096

// errNoLayer is that of a layer that is nil.
var errNoLayer = errors.New("there is no layer; want one of an integer network")

// Check verifies that the network can run on any machine: indexes, shapes and
// weights fit each other, every tensor is written once and before it is read,
// scales are finite and not denormal, codes stay in their range, sums fit
// int32. Whatever passes runs without panic and with finite logits.
func (n *Network) Check() error {
	if n == nil {
		return errors.New("there is no integer network; want one of an export or a trained model")
	}
	if len(n.Tensors) == 0 || len(n.Layers) == 0 {
		return fmt.Errorf("network %q has no layers", n.Name)
	}
	total := 0
	for i, t := range n.Tensors {
		if err := t.check(); err != nil {
			return fmt.Errorf("tensor %d (%s): %w", i, t.Name, err)
		}
		if total += t.Len(); total > maxElements {
			return fmt.Errorf("an image's codes take more than %d bytes in all tensors", maxElements)
		}
	}
	written := make([]bool, len(n.Tensors))
	written[0] = true
	names := make(map[string]bool, len(n.Layers))
	for i, l := range n.Layers {
		if l == nil || reflect.ValueOf(l).IsNil() {
			return fmt.Errorf("layer %d is nil", i)
		}
		name := l.LayerName()
		if names[name] {
			return fmt.Errorf("two layers are called %q", name)
		}
		names[name] = true
		if err := n.checkOrder(l, i == len(n.Layers)-1, written); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := l.check(n); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	switch n.Target {
	case Float32:
		return nil
	case Dyadic:
		for _, l := range n.Layers {
			if _, err := l.Dyadic(n); err != nil {
				return fmt.Errorf("%s: target dyadic: %w", l.LayerName(), err)
			}
		}
		return nil
	}
	return fmt.Errorf("unknown %v", n.Target)
}

// checkOrder verifies that l reads what is written and writes what is not.
func (n *Network) checkOrder(l Layer, last bool, written []bool) error {
	for _, t := range l.Inputs() {
		if t < 0 || t >= len(written) || !written[t] {
			return fmt.Errorf("reads tensor %d, which no layer before it writes", t)
		}
	}
	t := l.Output()
	logits, ok := logitsOf(l)
	switch {
	case ok != last:
		return fmt.Errorf("the last layer, and no other, must be linear: it gives the logits")
	case ok && len(n.Classes) > 0 && len(n.Classes) != logits.Out:
		return fmt.Errorf("%d outputs for %d classes", logits.Out, len(n.Classes))
	case ok:
		return nil
	case t < 0 || t >= len(written) || written[t]:
		return fmt.Errorf("cannot write tensor %d: want an index from 1 to %d that no other layer writes", t, len(written)-1)
	}
	written[t] = true
	return nil
}

func (t Tensor) check() error {
	if _, ok := product(maxElements, t.H, t.W, t.C); !ok {
		return fmt.Errorf("shape (%d,%d,%d) is not possible: want positive sizes and at most %d elements", t.H, t.W, t.C, maxElements)
	}
	if t.Bits < 1 || t.Bits > 8 {
		return fmt.Errorf("%d bits, want 1 to 8", t.Bits)
	}
	if t.Narrow && (!t.Signed || t.Bits < 2) {
		return fmt.Errorf("only a signed range of 2 bits or more can be narrow")
	}
	if !normal(t.Scale) {
		return fmt.Errorf("scale %g, want a positive, finite and not denormal number", t.Scale)
	}
	z, half := int(t.ZeroPoint), 1<<(t.Bits-1)
	if t.Signed && (z < half || z+half-1 > 255) {
		return fmt.Errorf("a signed range of %d bits around zero point %d does not fit uint8", t.Bits, z)
	}
	if lo, hi := t.Range(); t.ZeroPoint < lo || t.ZeroPoint > hi {
		return fmt.Errorf("zero point %d is not one of the codes %d to %d", z, lo, hi)
	}
	return nil
}

// normal tells that v is positive, finite and not denormal: machines that
// flush denormals to zero compute the same with it.
func normal(v float32) bool { return v >= 0x1p-126 && v <= math.MaxFloat32 }

// finite tells that v is neither NaN nor infinite.
func finite(v float32) bool { return math.Abs(float64(v)) <= math.MaxFloat32 }

// product multiplies positive factors; it fails for others, and above limit.
func product(limit int, factors ...int) (int, bool) {
	p := 1
	for _, f := range factors {
		if f < 1 || f > limit/p {
			return 0, false
		}
		p *= f
	}
	return p, true
}

// checkClamp verifies that a layer's results stay in the range of tensor t.
func checkClamp(lo, hi uint8, t Tensor) error {
	if from, to := t.Range(); lo < from || hi > to || lo > hi {
		return fmt.Errorf("results are clamped to %d..%d, want a range within %d..%d", lo, hi, from, to)
	}
	return nil
}

func checkWeights(w []int8, n, bits int) error {
	if len(w) != n {
		return fmt.Errorf("%d weights, want %d", len(w), n)
	}
	if bits < 1 || bits > 8 {
		return fmt.Errorf("weights of %d bits, want 1 to 8", bits)
	}
	if bits == 1 {
		for i, v := range w {
			if v != -1 && v != 1 {
				return fmt.Errorf("weight %d is %d; those of 1 bit are -1 and 1", i, v)
			}
		}
		return nil
	}
	lo, hi := int8(-1<<(bits-1)), int8(1<<(bits-1)-1)
	for i, v := range w {
		if v < lo || v > hi {
			return fmt.Errorf("weight %d is %d, which %d bits cannot hold", i, v, bits)
		}
	}
	return nil
}

// checkSums proves that no sum can leave int32: for each output channel, the
// weights' absolute values times the largest |code - zero point|, plus the
// bias.
func checkSums(in Tensor, w []int8, bias []int32) error {
	for c, most := range sumBounds(in, w, bias) {
		if most > math.MaxInt32 {
			return fmt.Errorf("channel %d: a sum may reach %d, which does not fit int32", c, most)
		}
	}
	return nil
}

// sumBounds returns what the sum of each channel cannot exceed.
func sumBounds(in Tensor, w []int8, bias []int32) []int64 {
	lo, hi := in.Range()
	span := max(int64(in.ZeroPoint)-int64(lo), int64(hi)-int64(in.ZeroPoint))
	sums := make([]int64, len(bias))
	for rest := w; len(rest) > 0; rest = rest[len(bias):] {
		for c, v := range rest[:len(bias)] {
			sums[c] += max(int64(v), -int64(v))
		}
	}
	for c, v := range bias {
		sums[c] = sums[c]*span + max(int64(v), -int64(v))
	}
	return sums
}

// checkPadded bounds the memory of a padded input.
func checkPadded(in Tensor, p networks.Pad) error {
	if _, ok := product(maxElements, in.H+p.Top+p.Bottom, in.W+p.Left+p.Right, in.C); !ok {
		return fmt.Errorf("the padded input has more than %d elements", maxElements)
	}
	return nil
}

func sameShape(n *Network, a, b int) error {
	x, y := n.Tensors[a], n.Tensors[b]
	if x.Shape() != y.Shape() {
		return fmt.Errorf("tensor %d is (%d,%d,%d), tensor %d is (%d,%d,%d)", a, x.H, x.W, x.C, b, y.H, y.W, y.C)
	}
	return nil
}
