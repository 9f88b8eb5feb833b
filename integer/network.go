// Package integer is the network that is deployed: codes of at most 8 bits in,
// int32 sums inside, no batch norm and no floating-point tensor between the
// input quantizer and the logits.
//
// # The arithmetic
//
// A tensor's real value is Scale*(code - ZeroPoint). A convolution computes
//
//	acc  = bias[c] + sum (code - ZeroPoint) * weight       exactly, in int32
//	code = clamp(roundHalfEven(float32(acc)*Multiplier[c]) + ZeroPointOut, Lo, Hi)
//
// Multiplier[c] = float32(float32(s_x*s_w[c])/s_y), where s_w holds the batch
// norm's factor. This is the target float32, the arithmetic of onnxruntime's
// QLinearConv. The target dyadic does the same by integers alone; see package dyadic.
// docs/arithmetic.md has every layer and an example worked by hand.
package integer

import (
	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/networks"
)

// Tensor describes an activation: shape (H, W, C) and how codes map to reals,
// real = Scale*(code - ZeroPoint). Codes are stored as uint8; a signed range
// of b bits is shifted by ZeroPoint = 2^(b-1).
type Tensor struct {
	Name      string
	H, W, C   int
	Bits      int
	Signed    bool
	Narrow    bool // signed only: without the lowest code, as in -7..7
	Scale     float32
	ZeroPoint uint8
}

// Range returns the smallest and the largest code.
func (t Tensor) Range() (lo, hi uint8) {
	if !t.Signed {
		return 0, uint8(1<<t.Bits - 1)
	}
	lo, hi = t.ZeroPoint-uint8(1<<(t.Bits-1)), t.ZeroPoint+uint8(1<<(t.Bits-1)-1)
	if t.Narrow {
		lo++
	}
	return lo, hi
}

// Len returns the number of elements of one image.
func (t Tensor) Len() int { return t.H * t.W * t.C }

// Shape returns H, W and C.
func (t Tensor) Shape() [3]int { return [3]int{t.H, t.W, t.C} }

func (t Tensor) shape() networks.Shape { return networks.Shape{H: t.H, W: t.W, C: t.C} }

// Network is a list of layers in execution order. Tensor 0 is the input.
type Network struct {
	Name      string
	Target    Target
	Classes   []string  // of the logits; may be empty
	Mean, Std []float32 // of each channel; input = (pixel/255 - Mean)/Std, before quantization
	Real      bool      // what comes in are real numbers: input = (value - Mean)/Std
	Fit       Fit       // how files of images become inputs
	Tensors   []Tensor
	Layers    []Layer
}

// Fit says how an image file of any size becomes an input, as in training (datasets.Fit). The zero value says nothing.
type Fit struct {
	ShorterSide int    `json:"shorter_side"` // that images are resized to before their middle is cut out
	Filter      string `json:"filter"`
	Turn        bool   `json:"exif"` // images by their orientation tags
}

// tensor returns a tensor, the zero one where there is none: an exported method may be called on what no Check has seen.
func (n *Network) tensor(i int) Tensor {
	if n == nil || i < 0 || i >= len(n.Tensors) {
		return Tensor{}
	}
	return n.Tensors[i]
}

// Logits is the layer that gives the network's output: the last, and no other. It is nil if the last is another.
func (n *Network) Logits() *Linear {
	if n == nil || len(n.Layers) == 0 {
		return nil
	}
	l, _ := logitsOf(n.Layers[len(n.Layers)-1])
	return l
}

// logitsOf returns l if it gives logits.
func logitsOf(l Layer) (*Linear, bool) {
	logits, ok := l.(*Linear)
	return logits, ok
}

// kinds has a layer of each kind; each kind is in a file of its own.
var kinds = []Layer{&Conv{}, &Requantize{}, &Add{}, &Shortcut{}, &MaxPool{}, &AveragePool{}, &AverageWindow{}, &Concat{}, &Lookup{}, &Linear{}}

// Kinds are the words for the kinds of layers.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, l := range kinds {
		names[i] = l.Kind()
	}
	return names
}

// Layer is one step: it reads tensors by index and writes one, or the logits. It is one structure for both targets, which
// differ in what takes a sum to the next code.
type Layer interface {
	// LayerName is the name of the layer in the trained network.
	LayerName() string
	// Kind is the word for the layer's type in files and tables.
	Kind() string
	// Output is the tensor that the layer writes, -1 for the logits.
	Output() int
	// Inputs are the tensors that the layer reads.
	Inputs() []int
	// Dyadic returns the multipliers of the target dyadic, nil if the layer has none: one for each output channel, for
	// all of them, or for each summand.
	Dyadic(n *Network) ([]dyadic.Multiplier, error)
	// check reports what keeps the layer from running; inputs and output are
	// known to be tensors of n.
	check(n *Network) error
	// prepare returns the loop that runs the layer on an image of the runner's
	// batch. m are those of Dyadic if that is the target, else nil.
	prepare(r *Runner, m []dyadic.Multiplier) kernels.Loop
}
