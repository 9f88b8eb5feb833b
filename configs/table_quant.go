package configs

import (
	"sync"

	"github.com/qat-go/qat/estimators"
)

// The rows of one quantizer; those of activations include every key of weights. As table, they have what is registered.
var weightTable, activationTable = sync.OnceValue(weightFields), sync.OnceValue(activationFields)

func quantFields() []field {
	fields := []field{
		{key: "weights", doc: "Weights of convolutions and linear layers.", fields: lift(weightTable(), func(c *Config) *TensorSpec { return &c.Quant.Weights })},
		{key: "activations", doc: "Inputs of convolutions and linear layers.", fields: lift(activationTable(), func(c *Config) *TensorSpec { return &c.Quant.Activations })},
		{key: "first_last", doc: "Bits of weights and input of the first convolution, and of others that read the images, and of the last linear layer; `same` as the other layers. An estimator that has not so many bits, or learns its bit widths, gives way to `lsq` there. What is `fp` elsewhere stays so there, and `fp` is the default when weights and activations both are.", kind: bits{2, []Bits{FP, Same}}, def: Bits(8), at: func(c *Config) any { return &c.Quant.FirstLast }},
		{key: "residual", doc: "Bits of the residual stream, each block's output and the branch before the sum, and of every other tensor that sums, average pooling, batch norm and activation functions that no convolution absorbs, or several layers read. Where sums are of real values none of these is quantized. Defaults to `fp` when activations are `fp`, and with another `model.block` than `basic`.", kind: bits{2, []Bits{FP}}, def: Bits(8), at: func(c *Config) any { return &c.Quant.Residual }},
		{key: "concat", doc: "Scales of what is concatenated: `shared` has one quantizer, behind, whose scale all parts get; `requantize` has one of `quant.residual` bits for each part, too, from whose scale its codes are taken to the common one.", kind: enum[Concat]{values: []Concat{ConcatShared, ConcatRequantize}}, def: ConcatShared, at: func(c *Config) any { return &c.Quant.Concat }},
		{key: "layers", doc: "Rules per layer: a glob over layer names (`layer3.*|linear`) and the keys that differ there. An exact name beats a glob, then more literal characters win, then the later rule.", each: []field{
			{key: "weights", doc: "As `quant.weights`; only what is given changes.", fields: weightTable()},
			{key: "activations", doc: "As `quant.activations`; only what is given changes.", fields: activationTable()},
		}},
		{key: "regularizers", doc: "Penalties on the quantized weights of each layer, added up over the layers, and projectors, which move the weights after each update. A number or a schedule is that of `lambda`; 0 is off.", fields: regularizerFields()},
		{key: "distillation", doc: "Learning from a float network of the same architecture: loss = (1 - weight)*CE + weight*temperature^2*KL(teacher, student), both softmaxes of logits/temperature (Hinton et al. 2015, arXiv 1503.02531).", fields: []field{
			{key: "teacher", doc: "Its weights, as in `model.init`; `none` is off.", kind: weights{text{weightsWanted(NoTeacher), teacherName}}, def: NoTeacher, at: func(c *Config) any { return &c.Quant.Distillation.Teacher }},
			{key: "teacher_key", doc: "Which network of the teacher's file, as `model.init_key`.", kind: text{what: "a key of the file"}, def: "", at: func(c *Config) any { return &c.Quant.Distillation.TeacherKey }},
			{key: "temperature", doc: "Divides the logits of both.", kind: real{zero: exclusive}, def: 4.0, at: func(c *Config) any { return &c.Quant.Distillation.Temperature }},
			{key: "weight", doc: "The teacher's part of the loss; the labels have the rest.", kind: real{zero: inclusive, upper: inclusive, max: 1}, def: 0.5, at: func(c *Config) any { return &c.Quant.Distillation.Weight }},
		}},
		{key: "target", doc: "What the network is to cost. Estimators that learn bit widths, of 2 to 8 bits, are trained for it; their `bits` are those that training starts from ([mixed_precision.md](mixed_precision.md#learned-bit-widths)). A run that misses it by more than 2 % is exit status 3, when everything is saved.", fields: targetFields},
		{key: "bias_correction", doc: "After calibration, add to the bias of each quantized layer (to batch norm's shift) what quantization took from the mean of its outputs, layer by layer, over the `calibration_batches` of activations (Nagel et al. 2019). For `train.epochs: 0`.", kind: boolean{}, def: false, at: func(c *Config) any { return &c.Quant.BiasCorrection }},
		{key: "batch_norm_reestimation", doc: "Training batches on which batch norm's running statistics are taken anew in the quantized network, after training, or after calibration where nothing is trained; 0 is off.", kind: integer{0, maxInt}, def: 0, at: func(c *Config) any { return &c.Quant.BatchNormReestimation }},
		{key: "gradients", doc: "Gradients that flow into the outputs of convolutions, the first one's excepted, as DoReFa-Net quantizes them (Zhou et al. 2016, arXiv 1606.06160, section 2.3).", fields: []field{
			{key: "bits", doc: "Bit width, with random rounding; `fp` leaves them in floating point.", kind: bits{1, []Bits{FP}}, def: FP, at: func(c *Config) any { return &c.Quant.Gradients.Bits }},
		}},
	}
	return append(fields, field{key: "schedule", doc: "Stages of training, one after another: in each the network is quantized as the section says, with what the stage changes of it ([mixed_precision.md](mixed_precision.md#schedules)). The run ends with the network of the last one.",
		kind: stages{stageFields(fields)}, def: []Stage{}, at: func(c *Config) any { return &c.Quant.Schedule }})
}

// lift places the tensor fields in the spec that of points to.
func lift(tensor []field, of func(*Config) *TensorSpec) []field {
	lifted := make([]field, len(tensor))
	for i, f := range tensor {
		lifted[i] = f
		lifted[i].at = func(c *Config) any { return f.tensor(of(c)) }
	}
	return lifted
}

func weightFields() []field {
	return tensorFields(
		func(m estimators.Method) bool { return m.Weights },
		presetsFor(func(p preset) keys { return p.weights }),
		enum[Granularity]{values: []Granularity{PerTensor, PerChannel}, unbuilt: []Granularity{"per_group"}},
		enum[Signed]{values: []Signed{SignedTrue}, refused: map[Signed]string{
			SignedFalse: "weights have both signs", SignedAuto: "weights have both signs, there is nothing to infer"}},
		SignedTrue,
		enum[GradN]{values: []GradN{NAuto, NPerTensor, NPerChannel}, refused: map[GradN]string{
			NPerSample: "weights have no samples"}},
		enum[Calibration]{values: calibrations(), unbuilt: []Calibration{"batch_norm"}},
	)
}

func activationFields() []field {
	perTensorOnly := map[Granularity]string{}
	for _, g := range []Granularity{PerChannel, "per_group"} {
		perTensorOnly[g] = "an integer convolution sums over input channels, so they must share one scale"
	}
	return append(tensorFields(
		func(m estimators.Method) bool { return m.Activations },
		presetsFor(func(p preset) keys { return p.activations }),
		enum[Granularity]{values: []Granularity{PerTensor}, refused: perTensorOnly},
		enum[Signed]{values: []Signed{SignedTrue, SignedFalse, SignedAuto}},
		SignedAuto,
		enum[GradN]{values: []GradN{NAuto, NPerTensor, NPerSample, NPerChannel}},
		activationCalibration,
	), field{key: "calibration_batches", doc: "Training batches that calibration looks at.", kind: integer{1, maxInt}, def: 1, tensor: func(s *TensorSpec) any { return &s.CalibrationBatches }})
}

func tensorFields(fits func(estimators.Method) bool, presets []Estimator, granularity enum[Granularity], signed enum[Signed], signedDefault Signed, n enum[GradN], calibration enum[Calibration]) []field {
	return []field{
		{key: "bits", doc: "Bit width; `fp` leaves it in floating point.", kind: bits{1, []Bits{FP}}, tensor: func(s *TensorSpec) any { return &s.Bits }},
		{key: "estimator", doc: "Quantizer, named after its paper's method; [docs/methods.md](methods.md) lists them with their bits, options and gradient estimators, and the presets, which fix several keys as a paper or a program has them.", kind: estimatorKind{enum[Estimator]{values: estimatorsFor(fits), refused: unfit(fits)}, presets}, def: LSQ, tensor: func(s *TensorSpec) any { return &s.Estimator }},
		{key: "granularity", doc: "What shares one scale.", kind: granularity, def: PerTensor, tensor: func(s *TensorSpec) any { return &s.Granularity }},
		{key: "signed", doc: "Whether the integers are signed; `auto` is unsigned where the graph cannot produce negative values.", kind: signed, def: signedDefault, tensor: func(s *TensorSpec) any { return &s.Signed }},
		{key: "narrow", doc: "Leave out the lowest level, as in -7..7 instead of -8..7.", kind: boolean{}, def: false, tensor: func(s *TensorSpec) any { return &s.Narrow }},
		{key: "n", doc: "N in LSQ's gradient scale `1/sqrt(N*Qp)`: `per_tensor` counts all elements, for activations the whole batch; `per_sample` those of one sample; `per_channel` divides by the channels; `auto` counts the elements that share a scale, for activations in one sample, as the paper does.", kind: n, def: NAuto, tensor: func(s *TensorSpec) any { return &s.N }},
		{key: "ste", doc: "How the gradient passes the rounding or the sign; `auto` is the method's own.", kind: enum[STE]{values: stes()}, def: STEAuto, tensor: func(s *TensorSpec) any { return &s.STE }},
		{key: "options", doc: "Numbers of the estimator and of its STE, each constant or a schedule: `{delta: 0.02}`, `{t: {kind: exponential, from: 0.1, to: 10}}` over all of training; kinds are constant, linear, exponential, cosine and `steps` (`{kind: steps, from: 0, steps: {50%: 0.1}}`).", kind: settings{names: optionsFor(fits)}, def: []Setting{}, tensor: func(s *TensorSpec) any { return &s.Options }},
		{key: "calibration", doc: "How the first levels are found. `auto` is the method's own start, for `affine` the range; `lsq` is `2*mean|x|/sqrt(Qp)`; " + calibrationDocs + " Methods that learn a scale or a clip take all of them, `affine` all but `lsq`, the others `auto`.", kind: calibration, def: CalibrateAuto, tensor: func(s *TensorSpec) any { return &s.Calibration }},
		{key: "calibration_options", doc: "Numbers of the calibration: " + calibrationOptionDocs + ".", kind: settings{names: calibrationOptionNames(), constant: true}, def: []Setting{}, tensor: func(s *TensorSpec) any { return &s.CalibrationOptions }},
	}
}
