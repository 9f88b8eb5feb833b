package networks

import (
	"fmt"
	"slices"
)

// Kind is the word for an operation in configs, tables and files.
type Kind string

// Op is an operation with its attributes: one of the types that [Ops] lists.
type Op interface {
	// Kind is the operation's word.
	Kind() Kind
	// Inputs is the number of nodes that it reads, or Several.
	Inputs() int
	// Weighted tells that it multiplies its input with weights, so that configs and tables name it as a layer.
	Weighted() bool
	// Shape returns the shape of the output, or why the inputs do not fit.
	Shape(in []Shape) (Shape, error)
	// Arrays lists what the operation holds, for inputs that fit.
	Arrays(in []Shape) []Array
	// NonNegative tells that no value of the output is below 0, given whether that holds for the inputs.
	NonNegative(in []bool) bool
	// Moves tells that the output holds values of its one input, or zeros: quantized values stay what they are.
	Moves() bool
	// Elementwise tells that each value of the output is a function of the one at its place in the one input, which may differ
	// from channel to channel: on quantized values it is a table.
	Elementwise() bool
	// MACs counts the multiplications of one example with weights, for inputs that fit.
	MACs(in []Shape) int64
}

// Several is what [Op.Inputs] says of an operation that reads any number of nodes, two or more.
const Several = -1

// Group is a parameter group: optimizers have settings for each.
type Group string

// The groups of what networks learn.
const (
	WeightsGroup   Group = "weights"    // kernels of convolutions and linear layers
	BiasGroup      Group = "bias"       // biases of convolutions and linear layers
	BatchNormGroup Group = "batch_norm" // scale and shift of batch norm, and what activation functions learn
	ScalesGroup    Group = "scales"     // what quantizers learn, which a network without them has not
)

// Start is how an array starts.
type Start string

// The starts.
const (
	Zeros Start = "zeros"
	Ones  Start = "ones"
	// He is normal with variance 2/fan-out, the kernel's pixels times output channels (He et al. 2015,
	// https://arxiv.org/abs/1502.01852, section 2.2).
	He Start = "he"
	// HeUniform is uniform with variance 2/fan-in, the kernel's pixels times input channels: PyTorch's kaiming_uniform_.
	HeUniform Start = "he_uniform"
	// Uniform is uniform within 1/sqrt(fan-in), PyTorch's for linear layers.
	Uniform Start = "uniform"
	// Normal is normal with a standard deviation of 0.01.
	Normal Start = "normal"
	// Quarter is 0.25, PyTorch's for PReLU.
	Quarter Start = "quarter"
)

// WeightStarts lists those that weights may have.
func WeightStarts() []Start { return []Start{He, HeUniform, Uniform, Normal} }

// check reports what is no start of weights; "" is the kind's.
func (s Start) check() error {
	if s != "" && !slices.Contains(WeightStarts(), s) {
		return fmt.Errorf("start is %q; expected one of %q", s, WeightStarts())
	}
	return nil
}

// Array is what an operation holds, float32.
type Array struct {
	Name  string // PyTorch's, without the node's: "weight", "running_mean"
	Shape []int  // in memory: kernels are (H, W, in, out), matrices (in, out)
	Group Group  // of what is learned
	Start Start
	// Running says that statistics of batches, not gradients, move it.
	Running bool
	// Folds says that deployment folds it into the scale and the bias of the weights before it.
	Folds bool
	// Optional says that a file of weights need not have it.
	Optional bool
}

// Len is the number of elements.
func (a Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// none is what most operations hold: nothing.
type none struct{}

func (none) Weighted() bool          { return false }
func (none) Arrays([]Shape) []Array  { return nil }
func (none) MACs([]Shape) int64      { return 0 }
func (none) NonNegative([]bool) bool { return false }
func (none) Moves() bool             { return false }
func (none) Elementwise() bool       { return false }

// weights is what operations with weights have in common.
type weights struct{ unary }

func (weights) Weighted() bool { return true }

// unary is what operations on one node have in common.
type unary struct{ none }

func (unary) Inputs() int { return 1 }

// same is what operations on each element have in common.
type same struct{ unary }

func (same) Elementwise() bool { return true }

func (same) Shape(in []Shape) (Shape, error) { return first(in), nil }

// all tells that it holds for every node that is read.
func all(in []bool) bool { return !slices.Contains(in, false) }

// first is the shape of what an operation on one node reads, and zero, which no tensor has, where it reads none.
func first(in []Shape) Shape {
	if len(in) == 0 {
		return Shape{}
	}
	return in[0]
}

// positive reports the first attribute that is not 1 or more.
func positive(attributes ...any) error {
	for i := 0; i < len(attributes); i += 2 {
		if v := attributes[i+1].(int); v < 1 {
			return fmt.Errorf("%s is %d; expected 1 or more", attributes[i], v)
		}
	}
	return nil
}
