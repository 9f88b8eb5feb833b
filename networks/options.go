package networks

import (
	"fmt"
	"slices"
	"strings"
)

// Options are what a builder of the zoo leaves open. What an architecture does not have is an error; "" and 0 are its own.
type Options struct {
	Input    Shape
	Classes  int
	Block    Block      // of residual networks; "" is Basic
	Shortcut Projection // of residual networks, where the size changes
	Width    float64    // multiplies the channels of MobileNets; 0 is 1
	Form     Form       // of networks that differ between programs
}

// Block is the residual block of a network.
type Block string

// The blocks.
const (
	// Basic is He et al. 2015, https://arxiv.org/abs/1512.03385: relu(bn2(conv2(relu(bn1(conv1(x))))) + x).
	Basic Block = "basic"
	// BiReal is Bi-Real Net's (Liu et al. 2018, https://arxiv.org/abs/1808.00278, section 3.1): a shortcut around each
	// convolution and no ReLU, so that what quantizers read has both signs and the stream keeps real values,
	//
	//	x1 = x + bn1(conv1(x)),  y = x1 + bn2(conv2(x1))
	//
	// The paper's shortcut is PoolConv where the size changes.
	BiReal Block = "bireal"
	// ReActNet is Liu et al. 2020, https://arxiv.org/abs/2003.03488, sections 4.1 and 4.2, in the form of the paper's
	// ResNets: as BiReal, with an [RPReLU] after each sum.
	ReActNet Block = "reactnet"
)

// Projection is the shortcut of residual networks where the size changes.
type Projection string

// The projections, the first two of He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.1.
const (
	OptionA Projection = "A" // no parameters: see [Shortcut]
	OptionB Projection = "B" // a 1x1 convolution with the block's stride and batch norm
	// PoolConv is average pooling of 2x2 pixels, then a 1x1 convolution and batch norm (Bi-Real Net and ReActNet). Of an odd
	// size the last window has what pixels there are.
	PoolConv Projection = "pool"
)

// Form says from which program a network is, where they differ.
type Form string

// The forms.
const (
	TorchForm  Form = "torch"       // symmetric padding, no bias before batch norm
	MLPerfTiny Form = "mlperf_tiny" // Keras: TensorFlow's SAME padding, biases
	LQNets     Form = "lq_nets"     // https://github.com/microsoft/LQ-Nets
	DoReFa     Form = "dorefa"      // tensorpack's examples/DoReFa-Net
)

// OptionError says that an architecture does not have what an option asks for.
type OptionError struct {
	Option string // "block", "shortcut", "width" or "form"
	Reason string
}

// Error implements error.
func (e *OptionError) Error() string { return e.Reason }

// Check tells whether the architecture of that name has what the options ask for; the error is an *OptionError if not.
func Check(name string, o Options) error {
	a, err := archNamed(name)
	if err != nil {
		return err
	}
	_, err = a.complete(o)
	return err
}

// complete returns options with the architecture's own where nothing is given.
func (a Arch) complete(o Options) (Options, error) {
	if o.Block == Basic && len(a.Blocks) == 0 {
		o.Block = "" // that of networks without blocks, too
	}
	if err := choose(a, "block", &o.Block, func(a Arch) []Block { return a.Blocks }); err != nil {
		return o, err
	}
	if err := choose(a, "shortcut", &o.Shortcut, func(a Arch) []Projection { return a.Shortcuts }); err != nil {
		return o, err
	}
	if err := choose(a, "form", &o.Form, func(a Arch) []Form { return a.Forms }); err != nil {
		return o, err
	}
	switch {
	case o.Width == 0:
		o.Width = 1
	case !a.Widths && o.Width != 1:
		return o, &OptionError{"width", fmt.Sprintf("%s has no width; these have: %s", a.Name, namesOf(func(a Arch) bool { return a.Widths }))}
	case !(o.Width > 0 && o.Width <= MaxWidth):
		return o, &OptionError{"width", fmt.Sprintf("%s has no width %g; expected more than 0 and at most %d", a.Name, o.Width, MaxWidth)}
	}
	return o, nil
}

// MaxWidth is the largest width multiplier.
const MaxWidth = 4

// choose checks one option, and gives it the first of what there is if it has none.
func choose[T ~string](a Arch, option string, value *T, of func(Arch) []T) error {
	has := of(a)
	switch {
	case *value == "" && len(has) > 0:
		*value = has[0]
	case *value == "" || slices.Contains(has, *value):
	case len(has) == 0:
		return &OptionError{option, fmt.Sprintf("%s has no choice of %s; these have: %s", a.Name, option, namesOf(func(a Arch) bool { return len(of(a)) > 0 }))}
	default:
		var words []string
		for _, h := range has {
			words = append(words, string(h))
		}
		return &OptionError{option, fmt.Sprintf("%s has no %s %q; it has %s", a.Name, option, *value, strings.Join(words, ", "))}
	}
	return nil
}

// namesOf lists the architectures that are so.
func namesOf(so func(Arch) bool) string {
	var names []string
	for _, a := range Archs() {
		if so(a) {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, ", ")
}
