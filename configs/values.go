package configs

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/qat-go/qat/networks"
)

// The choices an experiment makes, one type each.
type (
	Arch          string
	Block         string
	Shortcut      string
	Form          string
	Concat        string
	Dataset       string
	OptimizerKind string
	ScheduleKind  string
	Estimator     string
	Granularity   string
	Signed        string
	GradN         string
	STE           string
	Calibration   string
	Format        string
	Target        string
	ONNXWeights   string
	ONNXSums      string
)

const (
	ResNet20   Arch = "resnet20"
	CustomArch Arch = "custom" // what model.network says

	BasicBlock    Block = "basic"    // He et al. 2015, https://arxiv.org/abs/1512.03385
	BiRealBlock   Block = "bireal"   // Liu et al. 2018, https://arxiv.org/abs/1808.00278
	ReActNetBlock Block = "reactnet" // Liu et al. 2020, https://arxiv.org/abs/2003.03488

	ShortcutAuto Shortcut = "auto" // the architecture's own
	ShortcutA    Shortcut = Shortcut(networks.OptionA)
	ShortcutB    Shortcut = Shortcut(networks.OptionB)
	ShortcutPool Shortcut = Shortcut(networks.PoolConv)

	FormAuto       Form = "auto" // the architecture's own
	FormTorch      Form = Form(networks.TorchForm)
	FormMLPerfTiny Form = Form(networks.MLPerfTiny)
	FormLQNets     Form = Form(networks.LQNets)
	FormDoReFa     Form = Form(networks.DoReFa)

	ConcatShared     Concat = "shared"     // one scale for what is joined
	ConcatRequantize Concat = "requantize" // a scale for each part, and one for the whole

	CIFAR10     Dataset = "cifar10"
	CIFAR10Mini Dataset = "cifar10-mini"
	RandomData  Dataset = "random"

	SGD   OptimizerKind = "sgd"
	Adam  OptimizerKind = "adam"  // Kingma and Ba 2015, https://arxiv.org/abs/1412.6980
	AdamW OptimizerKind = "adamw" // Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101

	Cosine   ScheduleKind = "cosine"
	Step     ScheduleKind = "step"
	Constant ScheduleKind = "constant"

	LSQ    Estimator = "lsq"    // Esser et al. 2020, https://arxiv.org/abs/1902.08153
	Affine Estimator = "affine" // Jacob et al. 2018, https://arxiv.org/abs/1712.05877

	PerTensor  Granularity = "per_tensor"
	PerChannel Granularity = "per_channel"

	SignedTrue  Signed = "true"
	SignedFalse Signed = "false"
	SignedAuto  Signed = "auto" // inferred from the graph: unsigned after a ReLU

	// GradN chooses N in LSQ's gradient scale 1/sqrt(N*Qp), Esser et al. 2020,
	// section 2.2.
	NAuto       GradN = "auto"        // elements that share a scale; for activations, of one sample
	NPerTensor  GradN = "per_tensor"  // all elements of the tensor, the batch included
	NPerSample  GradN = "per_sample"  // elements of one sample
	NPerChannel GradN = "per_channel" // elements of the tensor divided by its channels

	STEAuto STE = "auto" // the method's own

	CalibrateAuto   Calibration = "auto" // the method's own start; min_max for affine
	CalibrateLSQ    Calibration = "lsq"  // s = 2*mean|x|/sqrt(Qp), Esser et al. 2020, section 2.1
	CalibrateMinMax Calibration = "min_max"

	Safetensors Format = "safetensors"
	NPZ         Format = "npz"   // NumPy's archive of arrays
	C           Format = "c"     // C99 source; integers only
	ONNX        Format = "onnx"  // QDQ form, for onnxruntime and others
	QONNX       Format = "qonnx" // for FINN, https://arxiv.org/abs/2206.07527

	Float32 Target = "float32" // onnxruntime's arithmetic
	Dyadic  Target = "dyadic"  // integers only, Jacob et al. 2018, https://arxiv.org/abs/1712.05877

	ONNXAuto  ONNXWeights = "auto"
	ONNXInt8  ONNXWeights = "int8"
	ONNXUint8 ONNXWeights = "uint8"

	ONNXReal  ONNXSums = "real"
	ONNXFused ONNXSums = "fused"
)

// DefaultRoot is the directory of data sets that nobody named: train downloads to it what is missing.
const DefaultRoot = "data"

// Values of Model.Init and Distillation.Teacher that are not paths.
const (
	RandomInit   = "random"
	NoTeacher    = "none"
	EmbeddedInit = "embedded:" // prefix of a network shipped with qat
)

// Bits is a bit width from 1 to 8, FP, or (first_last only) Same.
type Bits int

const (
	FP   Bits = 0  // floating point, not quantized
	Same Bits = -1 // as the other layers
)

// String returns the text used in YAML: "4", "fp" or "same".
func (b Bits) String() string {
	switch b {
	case FP:
		return "fp"
	case Same:
		return "same"
	}
	return strconv.Itoa(int(b))
}

// Unit is the unit of a Duration.
type Unit string

const (
	Epochs     Unit = "ep"
	Iterations Unit = "it" // optimizer steps
	Percent    Unit = "%"  // of the whole run
)

// Duration is a stretch of training: 5ep, 2000it or 10%.
type Duration struct {
	Value float64 // finite, >= 0
	Unit  Unit
}

// maxDuration keeps every product in Steps exact enough and far from overflow.
const maxDuration = 1e9

var durationPattern = regexp.MustCompile(`^((?:0|[1-9][0-9]*)(?:\.[0-9]+)?)(ep|it|%)$`)

// ParseDuration reads 5ep, 0.5ep, 2000it or 10%. Iterations are whole, a
// percentage is at most 100, and no value exceeds 1e9.
func ParseDuration(s string) (Duration, error) {
	m := durationPattern.FindStringSubmatch(s)
	if m == nil {
		return Duration{}, errors.New("a duration is a number with its unit, such as 5ep, 2000it or 10%")
	}
	v, err := strconv.ParseFloat(m[1], 64)
	d := Duration{Value: v, Unit: Unit(m[2])}
	switch {
	case err != nil || v > maxDuration:
		return Duration{}, errors.New("a duration is at most 1e9")
	case d.Unit == Iterations && v != math.Trunc(v):
		return Duration{}, errors.New("iterations are whole numbers")
	case d.Unit == Percent && v > 100:
		return Duration{}, errors.New("a percentage is at most 100%")
	}
	return d, nil
}

// String returns the text ParseDuration reads.
func (d Duration) String() string {
	return strconv.FormatFloat(d.Value, 'f', -1, 64) + string(d.Unit)
}

// Steps converts d to optimizer steps of a run of so many in all, rounded half to even; a
// duration above zero is at least one step.
func (d Duration) Steps(stepsPerEpoch, total int) int {
	steps := d.Value
	switch d.Unit {
	case Epochs:
		steps *= float64(stepsPerEpoch)
	case Percent:
		steps *= float64(total) / 100
	}
	steps = math.RoundToEven(steps)
	switch {
	case d.Value > 0 && steps < 1:
		return 1
	case steps >= math.MaxInt:
		return math.MaxInt
	}
	return int(steps)
}

// Decay is a group's weight decay: a value, or inherited from the optimizer.
type Decay struct {
	Inherit bool
	Value   float64 // used when Inherit is false
}

// Or returns the group's value, or inherited where the group inherits.
func (d Decay) Or(inherited float64) float64 {
	if d.Inherit {
		return inherited
	}
	return d.Value
}

// String returns the text used in YAML.
func (d Decay) String() string {
	if d.Inherit {
		return "inherit"
	}
	return formatFloat(d.Value)
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Targets are those whose arithmetic a format can express, the usual one first.
func (f Format) Targets() []Target {
	switch f {
	case ONNX, QONNX:
		return []Target{Float32}
	case C:
		return []Target{Dyadic}
	}
	return []Target{Float32, Dyadic}
}

// TargetFor is the target of a file in this format: the preferred one, or the format's
// own if it cannot have that.
func (f Format) TargetFor(preferred Target) Target {
	if slices.Contains(f.Targets(), preferred) {
		return preferred
	}
	return f.Targets()[0]
}
