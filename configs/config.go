package configs

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/read"
)

// Config is one experiment: every key of docs/config.md, resolved and valid.
type Config struct {
	Name        string // names the run's directory
	Description string
	Model       Model
	Data        Data
	Train       Train
	Quant       Quant
	Export      Export

	origins map[string]Pos    // of each value that is not a default
	presets map[string]string // by the paths of the tensors that name one
}

// Model says which network is trained and where its weights come from.
type Model struct {
	Arch     Arch
	Network  *read.Source // with [CustomArch]; else nil
	Block    Block
	Shortcut Shortcut
	Width    float64
	Form     Form
	Init     string // RandomInit, EmbeddedInit + name, or a path
	// InitKey chooses the network in a file that holds several; "" if it holds one.
	InitKey string
}

// Data says what is read and how images are augmented.
type Data struct {
	Dataset    Dataset
	Root       string
	Validation int // images held out from the training set
	Augment    Augment
	Random     datasets.Random // of Dataset "random"
	Folder     datasets.Folder // of images in files; Fit.Turn is what EXIF says
	EXIF       EXIF
	MaxBroken  int
	Workers    int // 0: as many as threads

	Labels Labels
	Arrays Arrays
	// What values are normalized by, and what numbers that are no pixels lie between then.
	Mean, Std, Range Statistic
}

// Augment is what happens to a training image.
type Augment struct {
	Crop int // pixels of zero padding on each side before the random crop
	Flip bool

	ResizedCrop  bool
	Scale, Ratio [2]float64
	Jitter       datasets.Jitter
}

// Train says how long and with which optimizer.
type Train struct {
	Epochs          int // 0, without Steps: calibrate and evaluate only
	Steps           int // in place of Epochs; 0: they count
	Batch           int
	Accumulate      int // batches of a step; 0 is 1
	EvalBatch       int // 0: as many images as go well together
	LR              float64
	Seed            uint64
	LabelSmoothing  float64
	Mixup           float64 // alpha; 0: off
	Optimizer       Optimizer
	Groups          Groups
	Schedule        Schedule
	MaxSteps        int // 0: no limit
	LogEvery        int // steps
	CheckpointEvery Duration
	ClipGradNorm    float64  // 0: off
	WeightEMA       float64  // decay of the average that is evaluated; 0: off
	BatchNormFreeze Duration // from when on; 0: never
}

// Trains tells that there are steps. Without, a run calibrates and evaluates only.
func (t *Train) Trains() bool { return t.Epochs > 0 || t.Steps > 0 }

// Total is the step, of so many an epoch, at which the schedule ends; MaxSteps may end the run before it.
func (t *Train) Total(stepsPerEpoch int) int {
	if t.Steps > 0 {
		return t.Steps
	}
	return t.Epochs * stepsPerEpoch
}

// Last is the step, of so many an epoch, at which the run ends: the schedule's, or MaxSteps.
func (t *Train) Last(stepsPerEpoch int) int {
	if total := t.Total(stepsPerEpoch); t.MaxSteps <= 0 || t.MaxSteps > total {
		return total
	}
	return t.MaxSteps
}

// Batches is the number of batches of an optimizer step, and StepImages that of its images.
func (t *Train) Batches() int    { return max(t.Accumulate, 1) }
func (t *Train) StepImages() int { return t.Batch * t.Batches() }

// Optimizer holds the settings that all parameter groups share.
type Optimizer struct {
	Kind         OptimizerKind
	Momentum     float64 // SGD only
	Nesterov     bool    // SGD only
	Beta1, Beta2 float64 // Adam and AdamW only: decay of the means of gradients and of their squares
	Eps          float64 // Adam and AdamW only
	WeightDecay  float64
}

// Groups holds what differs between kinds of parameters.
type Groups struct {
	Weights, BatchNorm, Bias, Scales Group
}

// Group scales the learning rate of its parameters and sets their weight decay.
type Group struct {
	LRMultiplier float64
	WeightDecay  Decay
}

// Schedule is the learning rate over time, as a factor of Train.LR.
type Schedule struct {
	Kind       ScheduleKind
	Warmup     Duration   // linear, from 0 up to Train.LR
	Milestones []Duration // step only, ascending
	Factor     float64    // step only: multiplies the rate at each milestone
	Final      float64    // cosine only: share of Train.LR reached at the end
}

// Quant says what is quantized, to how many bits and by which method.
type Quant struct {
	Weights, Activations TensorSpec
	FirstLast            Bits // first convolution and last linear layer; may be Same
	Residual             Bits
	Concat               Concat
	Layers               []Rule // in order of appearance; see Resolve
	Regularizers         []Regularizer
	Distillation         Distillation
	Target               CostTarget
	Gradients            Gradients

	BiasCorrection        bool // after calibration, without training
	BatchNormReestimation int  // batches; 0: off

	Schedule []Stage // of training, in order; empty: the section holds throughout
	only     Glob    // [Stage.Only]
}

// TensorSpec is how one tensor is quantized. With Bits FP the rest is unused.
type TensorSpec struct {
	Bits               Bits
	Estimator          Estimator
	Granularity        Granularity
	Signed             Signed
	Narrow             bool // leave out the lowest level: -7..7 instead of -8..7
	N                  GradN
	STE                STE
	Options            []Setting // of the estimator and its STE
	Calibration        Calibration
	CalibrationOptions []Setting // constants
	CalibrationBatches int       // 0 for weights, which need no data
}

// Distillation says from which network, and how much, training learns (estimators.Distillation).
type Distillation struct {
	Teacher     string // NoTeacher, EmbeddedInit + name, or a path
	TeacherKey  string // as Model.InitKey
	Temperature float64
	Weight      float64 // of the teacher's part of the loss, 0 to 1
}

// On tells that there is a teacher.
func (d Distillation) On() bool { return d.Teacher != "" && d.Teacher != NoTeacher }

// Gradients says to how many bits the gradients that flow into the outputs of convolutions are quantized.
type Gradients struct {
	Bits Bits
}

// Export says which files a finished run leaves.
type Export struct {
	Formats []Format
	Target  Target
	ONNX    ONNXExport
}

// ONNXExport says how the format onnx stores what it leaves open.
type ONNXExport struct {
	Weights ONNXWeights
	Sums    ONNXSums
}

// Mistake is one found in the value at a key path after the config was loaded, placed where the value was set.
func (c *Config) Mistake(path, format string, args ...any) Error {
	pos, given := c.origins[path]
	if !given {
		pos = Pos{File: c.Name + " (default)"}
	}
	return Error{Pos: pos, Message: path + ": " + fmt.Sprintf(format, args...)}
}

// Origin says where the value at a key path such as "train.lr" was set:
// "file:line:column", "argument" or "default", with the preset that gave it in
// parentheses; "" when there is no such value.
// Paths into per-layer rules are written as in overrides.
func (c *Config) Origin(keyPath string) string {
	segments, err := parsePath(keyPath)
	if err != nil {
		return ""
	}
	p := joinPath(segments)
	pos, set := c.origins[p]
	from := ""
	if pos.Preset != "" {
		from = " (" + pos.Preset + ")"
	}
	switch {
	case set && pos.Argument != "":
		return "argument" + from
	case set:
		return pos.String() + from
	case hasLeaf(p):
		return "default"
	}
	return ""
}

// DataOptions says how the data set is read, from dir or else where the config says.
func (c *Config) DataOptions(dir string) datasets.Options {
	d := &c.Data
	o := datasets.Options{Dir: cmp.Or(dir, d.Root), Validation: d.Validation, Seed: c.Train.Seed, Random: d.Random, Folder: d.folder(), MaxBroken: d.MaxBroken,
		Labels: string(d.Labels), Mean: d.Mean.Values, Std: d.Std.Values, Range: d.Range.Values}
	o.Arrays = datasets.Arrays{Shape: d.Arrays.Shape, Real: d.Arrays.Values == ValuesNumbers, Classes: d.Folder.Classes, TestShare: d.Folder.TestShare, SplitSeed: d.Folder.SplitSeed}
	if d.Arrays.Layout != LayoutAuto {
		o.Arrays.Layout = string(d.Arrays.Layout)
	}
	return o
}

// Build returns the network for an input and so many classes.
func (m Model) Build(in networks.Shape, classes int) (*networks.Network, error) {
	if m.Network != nil {
		return m.Network.Build(in, classes)
	}
	o := m.options()
	o.Input, o.Classes = in, classes
	return networks.Build(string(m.Arch), o)
}

// options are what the model chooses of its architecture.
func (m Model) options() networks.Options {
	o := networks.Options{Block: networks.Block(m.Block), Width: m.Width}
	if m.Shortcut != ShortcutAuto {
		o.Shortcut = networks.Projection(m.Shortcut)
	}
	if m.Form != FormAuto {
		o.Form = networks.Form(m.Form)
	}
	return o
}

// Network returns the network for the images and classes of the data set.
func (c *Config) Network() (*networks.Network, error) {
	if c == nil {
		return nil, errors.New("there is no config; want one of Load")
	}
	o := c.DataOptions("")
	o.Mean, o.Std = nil, nil // which are told where they are
	d, err := datasets.Describe(string(c.Data.Dataset), o)
	if err != nil {
		return nil, err
	}
	return c.Model.Build(networks.Shape{H: d.Height, W: d.Width, C: d.Channels}, len(d.Classes))
}
