package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/networks/read"
	"github.com/qat-go/qat/syntax"
)

// field is one row of the table: a leaf, a section of leaves, a map of
// sections under free keys (each).
type field struct {
	key    string
	doc    string
	kind   kind              // leaf
	def    any               // leaf: its default; nil means required
	at     func(*Config) any // leaf: pointer to its place; nil for extends
	tensor func(*TensorSpec) any
	stage  func(*Stage) any // leaf of a stage: pointer to its place
	fields []field          // section
	each   []field          // map: the section behind every key
	other  string           // path of the leaf that may stand in place of this one: a config has one of the two, without a default
}

var (
	runName     = regexp.MustCompile(`^[^\x00-\x1f/\\:*?"<>|. -][^\x00-\x1f/\\:*?"<>|]*$`)
	initName    = weightsName(RandomInit)
	teacherName = weightsName(NoTeacher)
	nonEmpty    = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)
)

// weightsEndings are the endings of files of weights, of which the content tells what they are.
var weightsEndings = []string{"pt", "pth", "th", "tar", "ckpt", "bin", "safetensors", "qat"}

// weightsName matches the name of a file of weights, in any case of its ending, or what stands for no file.
func weightsName(none string) *regexp.Regexp {
	var endings []string
	for _, e := range weightsEndings {
		var b strings.Builder
		for _, letter := range e { // JSON Schema has no flag for it
			fmt.Fprintf(&b, "[%c%c]", letter, unicode.ToUpper(letter))
		}
		endings = append(endings, b.String())
	}
	return regexp.MustCompile(`^(` + none + `|embedded:resnet20_cifar10|.+\.(` + strings.Join(endings, "|") + `))$`)
}

// weightsWanted describes weightsName.
func weightsWanted(none string) string {
	last := len(weightsEndings) - 1
	return none + ", embedded:resnet20_cifar10, a path ending in ." + strings.Join(weightsEndings[:last], ", .") + " or ." + weightsEndings[last] + ", or a run's folder"
}

// table lists every key. Its order is that of every listing and of YAML output. It is made when it is first asked for, and has
// what packages of other modules have registered by then.
var table = sync.OnceValue(func() []field {
	return slices.Concat(firstFields, []field{
		{key: "data", doc: "The data set.", fields: dataFields()},
		{key: "train", doc: "Training.", fields: trainFields},
		{key: "quant", doc: "Quantization.", fields: quantFields()},
	}, lastFields)
})

var firstFields = []field{
	{key: "extends", doc: "Files to inherit from, relative to this one or embedded; maps merge, later wins, lists replace.", kind: bases{}, def: []*syntax.Node{}},
	{key: "name", doc: "Names the run's directory; by default the config's file name without `.yaml`.", kind: text{`a name without any of /\:*?"<>| that starts with neither ".", "-" nor a space`, runName}, def: "", at: func(c *Config) any { return &c.Name }},
	{key: "description", doc: "What the experiment is for, in a line.", kind: text{what: "text"}, def: "", at: func(c *Config) any { return &c.Description }},
	{key: "model", doc: "The network.", fields: []field{
		{key: "arch", doc: "Architecture: one of [those below](#architectures), for the images and the classes of the data set; `custom`, the default with `model.network`, is that.", kind: enum[Arch]{values: archs()}, def: ResNet20, at: func(c *Config) any { return &c.Model.Arch }},
		{key: "network", doc: "A network of your own, in place of `model.arch`: a [file](networks.md), relative to this one (in an argument, to the working directory) or embedded, such as `networks/residual.yaml`; or what such a file holds. `none` is off.", kind: network{}, def: (*read.Source)(nil), at: func(c *Config) any { return &c.Model.Network }},
		{key: "block", doc: "Residual block: `basic` is the ResNet's own, with ReLUs; `bireal` has a shortcut around each convolution and no ReLU, so that activations can be binary; `reactnet` adds a learned RPReLU after each sum. The last two keep the residual stream in floating point (`quant.residual: fp`, the default there).", kind: enum[Block]{values: []Block{BasicBlock, BiRealBlock, ReActNetBlock}}, def: BasicBlock, at: func(c *Config) any { return &c.Model.Block }},
		{key: "shortcut", doc: "Shortcut of residual networks where the size changes: `A` has no parameters, `B` is a 1x1 convolution with batch norm, `pool` averages 2x2 pixels before such a convolution, as Bi-Real Net and ReActNet do; `auto` is the architecture's own.", kind: enum[Shortcut]{values: []Shortcut{ShortcutAuto, ShortcutA, ShortcutB, ShortcutPool}}, def: ShortcutAuto, at: func(c *Config) any { return &c.Model.Shortcut }},
		{key: "width", doc: "Width multiplier of MobileNets: times the channels of each layer.", kind: real{zero: exclusive, upper: inclusive, max: networks.MaxWidth}, def: 1.0, at: func(c *Config) any { return &c.Model.Width }},
		{key: "form", doc: "From which program the network is, where programs differ: `torch` pads on all sides alike and has no biases before batch norm, `mlperf_tiny` pads as TensorFlow's SAME and has biases, `lq_nets` and `dorefa` are two AlexNets; `auto` is the architecture's own.", kind: enum[Form]{values: []Form{FormAuto, FormTorch, FormMLPerfTiny, FormLQNets, FormDoReFa}}, def: FormAuto, at: func(c *Config) any { return &c.Model.Form }},
		{key: "init", doc: "Where the weights come from: `random`, a file of PyTorch (`torch.save`), safetensors or a checkpoint of qat (relative to the working directory), the folder of a run (its `checkpoint.qat`), or `embedded:resnet20_cifar10`, the float network shipped with qat. A checkpoint gives what quantizers have learned, too, where they are the same ([weights.md](weights.md#what-quantizers-have-learned)).", kind: weights{text{weightsWanted(RandomInit), initName}}, def: RandomInit, at: func(c *Config) any { return &c.Model.Init }},
		{key: "init_key", doc: "Which network of the file in `model.init`, if it holds several: the key of its dict (`ema`), keys inside one another joined by dots (`state_dict.teacher`); `.` is the file's own dict.", kind: text{what: "a key of the file"}, def: "", at: func(c *Config) any { return &c.Model.InitKey }},
	}},
}

// archs are the networks of the zoo, and any other.
func archs() (names []Arch) {
	for _, name := range networks.ArchNames() {
		names = append(names, Arch(name))
	}
	return append(names, CustomArch)
}

var randomFields = []field{
	{key: "height", doc: "Pixels of an image from top to bottom.", kind: integer{1, 4096}, def: 32, at: func(c *Config) any { return &c.Data.Random.Height }},
	{key: "width", doc: "Pixels of an image from left to right.", kind: integer{1, 4096}, def: 32, at: func(c *Config) any { return &c.Data.Random.Width }},
	{key: "channels", doc: "Values of a pixel.", kind: integer{1, 4096}, def: 3, at: func(c *Config) any { return &c.Data.Random.Channels }},
	{key: "classes", doc: "Classes; labels go round them.", kind: integer{1, 65536}, def: 10, at: func(c *Config) any { return &c.Data.Random.Classes }},
	{key: "images", doc: "Training images.", kind: integer{1, 1 << 24}, def: 1024, at: func(c *Config) any { return &c.Data.Random.Train }},
	{key: "test_images", doc: "Test images.", kind: integer{1, 1 << 24}, def: 256, at: func(c *Config) any { return &c.Data.Random.Test }},
	{key: "seed", doc: "Seed of the pixels.", kind: seed{}, def: uint64(0), at: func(c *Config) any { return &c.Data.Random.Seed }},
}

func dataFields() []field {
	var registered []Dataset
	for _, name := range datasets.Names() {
		registered = append(registered, Dataset(name))
	}
	return slices.Concat([]field{
		{key: "dataset", doc: "Data set; `cifar10-mini` is embedded and needs no download, `random` is made of random pixels, `folder` is images of your own, `arrays` NumPy's.", kind: enum[Dataset]{values: registered}, def: CIFAR10, at: func(c *Config) any { return &c.Data.Dataset }},
		{key: "root", doc: "Directory of the data sets; `--data` and `$QAT_DATA` win over it.", kind: text{"a directory, without control characters (in double quotes, a backslash begins an escape; write '...')", nonEmpty}, def: DefaultRoot, at: func(c *Config) any { return &c.Data.Root }},
		{key: "validation", doc: "Images held out from the training set; 0 uses all of it for training.", kind: integer{0, maxInt}, def: 0, at: func(c *Config) any { return &c.Data.Validation }},
		{key: "augment", doc: "What happens to training images.", fields: augmentFields},
		{key: "random", doc: "What the data set `random` is: it feeds networks whose data is not there.", fields: randomFields},
		{key: "workers", doc: "Goroutines that load images; 0 is as many as threads.", kind: integer{0, 64}, def: 0, at: func(c *Config) any { return &c.Data.Workers }},
		labelsField(),
		{key: "arrays", doc: "How the data set `arrays` is read ([data.md](data.md#arrays)).", fields: arraysFields},
	}, statisticFields, folderFields)
}

var lastFields = []field{
	{key: "export", doc: "Files written after training.", fields: []field{
		{key: "formats", doc: "Formats of the exported network; `[]` exports nothing. A format that cannot have `target` computes with its own: `onnx` and `qonnx` with `float32`, `c` with `dyadic`. Each is evaluated with its target.", kind: list[Format]{enum[Format]{values: []Format{Safetensors, ONNX, QONNX, NPZ, C}}}, def: []Format{Safetensors}, at: func(c *Config) any { return &c.Export.Formats }},
		{key: "target", doc: "Arithmetic of the integer network whose accuracy is `test_top1`: `float32` rescales as onnxruntime does, `dyadic` by integers alone. One of the formats, if there are any, must have it.", kind: enum[Target]{values: []Target{Float32, Dyadic}}, def: Float32, at: func(c *Config) any { return &c.Export.Target }},
		{key: "onnx", doc: "The format `onnx`.", fields: []field{
			{key: "weights", doc: "Type of the weights that onnxruntime multiplies by the UINT8 codes of activations: `int8` with the zero point 0; `uint8` with the zero point in the middle; `auto` is `uint8` for each layer in which two products may need more than 16 bits, which x86 processors without VNNI would cut off, else `int8`.", kind: enum[ONNXWeights]{values: []ONNXWeights{ONNXAuto, ONNXInt8, ONNXUint8}}, def: ONNXAuto, at: func(c *Config) any { return &c.Export.ONNX.Weights }},
			{key: "sums", doc: "How onnxruntime adds residual sums: `real` as real numbers, which gives the integer network's codes on every processor; `fused` in one kernel, which is faster and does so on x86 with FMA only.", kind: enum[ONNXSums]{values: []ONNXSums{ONNXReal, ONNXFused}}, def: ONNXReal, at: func(c *Config) any { return &c.Export.ONNX.Sums }},
		}},
	}},
}

var trainFields = []field{
	{key: "epochs", doc: "Passes over the training set, at whose end schedules end; 0 calibrates and evaluates only.", kind: integer{0, maxInt}, other: "train.steps", at: func(c *Config) any { return &c.Train.Epochs }},
	{key: "steps", doc: "Optimizer steps, at whose end schedules end, in place of `train.epochs`. The network is still evaluated after each pass over the training set, and at the end.", kind: integer{1, maxInt}, other: "train.epochs", at: func(c *Config) any { return &c.Train.Steps }},
	{key: "batch", doc: "Images that training computes at once; those of a step, unless it accumulates.", kind: integer{1, 8192}, def: 128, at: func(c *Config) any { return &c.Train.Batch }},
	{key: "accumulate", doc: "Batches of a step: their gradients make one update, as those of one batch of so many times `train.batch` images, in the memory of one. Batch norm has the statistics of each batch; running ones, and what quantizers of activations keep, move with each. Calibration sees single batches.", kind: integer{1, 65536}, def: 1, at: func(c *Config) any { return &c.Train.Accumulate }},
	{key: "eval_batch", doc: "Images that an evaluation computes at once, which changes no result; 0 is 100, and fewer of networks with large tensors.", kind: integer{0, 8192}, def: 0, at: func(c *Config) any { return &c.Train.EvalBatch }},
	{key: "lr", doc: "Learning rate after warm-up.", kind: real{zero: exclusive}, def: 0.01, at: func(c *Config) any { return &c.Train.LR }},
	{key: "seed", doc: "Seed of everything random.", kind: seed{}, def: uint64(0), at: func(c *Config) any { return &c.Train.Seed }},
	{key: "label_smoothing", doc: "Share of the labels that is spread over all classes (Szegedy et al. 2016; PyTorch's `label_smoothing`); with a teacher, in the labels' part of the loss. 0 is off.", kind: real{zero: inclusive, upper: inclusive, max: 1}, def: 0.0, at: func(c *Config) any { return &c.Train.LabelSmoothing }},
	{key: "mixup", doc: "Alpha of mixup (Zhang et al. 2018): each image is mixed with another of its batch, and so are the labels, by a share from Beta(alpha, alpha), one for each batch, as in torchvision's references. Goes with `label_smoothing` and with a teacher, which sees the mixed images. Calibration sees images as they are. 0 is off.", kind: real{zero: inclusive, upper: inclusive, max: 1000}, def: 0.0, at: func(c *Config) any { return &c.Train.Mixup }},
	{key: "optimizer", doc: "The update rule.", fields: []field{
		{key: "kind", doc: "Method: `sgd` with momentum, `adam` (Kingma and Ba 2015), or `adamw` with decoupled weight decay (Loshchilov and Hutter 2019); each computes what PyTorch's does.", kind: enum[OptimizerKind]{values: []OptimizerKind{SGD, Adam, AdamW}}, def: SGD, at: func(c *Config) any { return &c.Train.Optimizer.Kind }},
		{key: "momentum", doc: "`sgd` only: momentum.", kind: real{zero: inclusive, upper: exclusive, max: 1}, def: 0.9, at: func(c *Config) any { return &c.Train.Optimizer.Momentum }},
		{key: "nesterov", doc: "`sgd` only: Nesterov's form of momentum.", kind: boolean{}, def: false, at: func(c *Config) any { return &c.Train.Optimizer.Nesterov }},
		{key: "beta1", doc: "`adam` and `adamw` only: decay of the mean of gradients.", kind: real{zero: inclusive, upper: exclusive, max: 1}, def: 0.9, at: func(c *Config) any { return &c.Train.Optimizer.Beta1 }},
		{key: "beta2", doc: "`adam` and `adamw` only: decay of the mean of their squares.", kind: real{zero: inclusive, upper: exclusive, max: 1}, def: 0.999, at: func(c *Config) any { return &c.Train.Optimizer.Beta2 }},
		{key: "eps", doc: "`adam` and `adamw` only: what is added to the root of the mean of squares, by which the step is divided.", kind: real{zero: exclusive}, def: 1e-8, at: func(c *Config) any { return &c.Train.Optimizer.Eps }},
		{key: "weight_decay", doc: "Of groups that inherit it: `sgd` and `adam` add it times the weight to the gradient, as the gradient of an L2 penalty; `adamw` takes it times the weight and the learning rate from the weight.", kind: real{zero: inclusive}, def: 1e-4, at: func(c *Config) any { return &c.Train.Optimizer.WeightDecay }},
	}},
	{key: "groups", doc: "Settings per kind of parameter.", fields: []field{
		group("weights", "Weights of convolutions and linear layers.", Decay{Inherit: true}, func(c *Config) *Group { return &c.Train.Groups.Weights }),
		group("batch_norm", "Scale and shift of batch norm, and what RPReLU learns.", Decay{}, func(c *Config) *Group { return &c.Train.Groups.BatchNorm }),
		group("bias", "Biases.", Decay{}, func(c *Config) *Group { return &c.Train.Groups.Bias }),
		group("scales", "What quantizers learn: scales, ranges, thresholds.", Decay{}, func(c *Config) *Group { return &c.Train.Groups.Scales }),
	}},
	{key: "schedule", doc: "The learning rate over time.", fields: []field{
		{key: "kind", doc: "`cosine` falls to `final` along half a cosine, `step` multiplies by `factor` at each milestone, `constant` stays.", kind: enum[ScheduleKind]{values: []ScheduleKind{Cosine, Step, Constant}}, def: Cosine, at: func(c *Config) any { return &c.Train.Schedule.Kind }},
		{key: "warmup", doc: "Linear rise from 0 at the start.", kind: duration{}, def: Duration{0, Epochs}, at: func(c *Config) any { return &c.Train.Schedule.Warmup }},
		{key: "milestones", doc: "`step` only: when the rate drops, ascending and in one unit.", kind: list[Duration]{duration{positive: true}}, def: []Duration{}, at: func(c *Config) any { return &c.Train.Schedule.Milestones }},
		{key: "factor", doc: "`step` only: what the rate is multiplied by.", kind: real{zero: exclusive, upper: inclusive, max: 1}, def: 0.1, at: func(c *Config) any { return &c.Train.Schedule.Factor }},
		{key: "final", doc: "`cosine` only: share of `train.lr` reached at the end.", kind: real{zero: inclusive, upper: inclusive, max: 1}, def: 0.0, at: func(c *Config) any { return &c.Train.Schedule.Final }},
	}},
	{key: "max_steps", doc: "Stop after this many steps, for smoke runs, while the schedule of the learning rate stays as it is; 0 is no limit.", kind: integer{0, maxInt}, def: 0, at: func(c *Config) any { return &c.Train.MaxSteps }},
	{key: "log_every", doc: "Steps between log lines.", kind: integer{1, maxInt}, def: 20, at: func(c *Config) any { return &c.Train.LogEvery }},
	{key: "checkpoint_every", doc: "Time between checkpoints.", kind: duration{positive: true}, def: Duration{1, Epochs}, at: func(c *Config) any { return &c.Train.CheckpointEvery }},
	{key: "clip_grad_norm", doc: "Largest norm of the gradient of all parameters together; longer ones are scaled down to it. 0 is off.", kind: real{zero: inclusive}, def: 0.0, at: func(c *Config) any { return &c.Train.ClipGradNorm }},
	{key: "weight_ema", doc: "Decay of the moving average of all learned parameters and running statistics, such as 0.999; evaluation, `best.qat` and the exported network have the averages. 0 is off.", kind: real{zero: inclusive, upper: exclusive, max: 1}, def: 0.0, at: func(c *Config) any { return &c.Train.WeightEMA }},
	{key: "batch_norm_freeze", doc: "From when on batch norm uses its running statistics and leaves them as they are; its scale and shift are still learned. `0ep` is never.", kind: duration{}, def: Duration{0, Epochs}, at: func(c *Config) any { return &c.Train.BatchNormFreeze }},
}

func group(key, doc string, weightDecay Decay, of func(*Config) *Group) field {
	return field{key: key, doc: doc, fields: []field{
		{key: "lr_multiplier", doc: "Times `train.lr`.", kind: real{zero: inclusive}, def: 1.0, at: func(c *Config) any { return &of(c).LRMultiplier }},
		{key: "weight_decay", doc: "`inherit` takes `train.optimizer.weight_decay`.", kind: decay{}, def: weightDecay, at: func(c *Config) any { return &of(c).WeightDecay }},
	}}
}
