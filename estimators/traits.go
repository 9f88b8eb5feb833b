package estimators

// Traits are what a method is for one tensor, as data: what networks, configs and documents decide by. A test holds them
// against what the estimator does.
type Traits struct {
	Levels  Levels
	Learned []string // parameters that gradients train, by name
	State   []string // arrays that training updates by other means

	// Static says that calibration finds the levels: of weights in each training step, of activations before training.
	Static bool
	Zero   Zero
	Starts bool // it can start from calibrated levels, as a [Startable]
	Bounds bool // what it learns bounds x, whatever the bits: the levels of other bits lie between the same ends

	Random bool // it draws random numbers in training
	Noisy  bool // and what it gives in training are not its levels

	Form Form
	Pass Pass // where Form is Plain
}

// Levels is a kind of levels.
type Levels int

// The kinds of levels. Those from Even to Integers are a scale times integers, the codes: the estimator is an [Integer].
const (
	OtherLevels Levels = iota
	Even               // all from Qn to Qp, less a zero point; x has the nearest: code = clip(round(x/scale) + zero, Qn, Qp)
	Rescaled           // all from Qn to Qp, but x is divided by another scale, or has an offset
	Signs              // -1 and 1
	Integers           // others, such as powers of two
	AtOffset           // even ones, that no zero point makes integers: scale*code + offset
	Table              // the entries of a [Codebook]
)

// Zero says which code the value 0 of even levels has.
type Zero int

// The kinds of zero points.
const (
	ZeroIsZero     Zero = iota // the code 0
	ZeroCalibrated             // of unsigned levels that which calibration finds, of signed ones 0
	ZeroLearned                // that which training finds, of signed ones too
)

// Form is what computes a quantizer of one tensor.
type Form int

// The forms.
const (
	OwnFunctions Form = iota // those of the method
	Stairs                   // kernels for a staircase: it is [Stepped]; of activations with one scale
	Plain                    // its scale is all there is: it is [Scaled], and kernels do the rest
)

// Pass says what of a gradient passes the rounding of a plain quantizer, with v = x/s less the zero point.
type Pass int

// The ways.
const (
	PassClipped Pass = iota // dx = dy where v is in the range; each v moves the scale, by round(v) - v or the end of the range
	PassFlat                // the same dx; only what is clipped moves the scale
	PassRounded             // dx = dy where round(v) is in the range; nothing moves the scale
)

// IsInteger tells that the levels are a scale times integers.
func (l Levels) IsInteger() bool { return l >= Even && l <= Integers }

// Scaled is an estimator that a network may keep as the scale of its codes alone, where its form is [Plain].
type Scaled interface {
	Integer

	// FirstScale writes the scale that training starts from, of the tensor or of each channel, given the weights or the
	// first batch.
	FirstScale(scale, x []float32) error

	// ScaleGradient returns the gradient of the scale from the sum over n elements of dy times what [Pass] says.
	ScaleGradient(scale float32, sum float64, n int) float32
}

// always are traits that depend on nothing.
func always(t Traits) func(Spec) Traits { return func(Spec) Traits { return t } }

// clipped tells that the STE is the clipped one.
func (s Spec) clipped() bool { return (&rounding{ste: s.STE}).passing() == passClipped }

// identity tells that the STE is the plain one.
func (s Spec) identity() bool { return (&rounding{ste: s.STE}).passing() == passIdentity }

// stairs is the form of activations whose levels are a staircase if so.
func (s Spec) stairs(so bool) Form {
	if so && !s.Weights && s.Scales <= 1 {
		return Stairs
	}
	return OwnFunctions
}

// on tells that an option that is 0 or 1 is 1.
func (s Spec) on(o Option) bool {
	v, err := optionBool(o, s.Options)
	return err == nil && v
}
