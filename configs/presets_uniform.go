package configs

import "slices"

// What papers leave out is not here; where they are silent and their authors published code, the code speaks.

var presets = slices.Concat(uniformPresets, otherPresets)

// inner is what most papers share: the ends of the network and the residual stream stay in floating point.
func inner(recipe keys) keys {
	if recipe == nil {
		recipe = keys{}
	}
	recipe["quant.first_last"], recipe["quant.residual"] = "fp", "fp"
	return recipe
}

// uniformPresets are those of methods with even levels.
var uniformPresets = []preset{
	{
		name: "affine@paper", source: "Jacob et al. 2018, arXiv 1712.05877, section 3",
		weights: keys{"calibration": "min_max", "narrow": "true"}, activations: keys{"calibration": "min_max"},
		recipe: keys{"quant.weights.bits": "8", "quant.activations.bits": "8", "quant.first_last": "8", "quant.residual": "8"},
		notes:  []string{"the range of activations is a moving average over training, not that of the first batch", "batch norm is folded into the weights in training, before they are quantized"},
	},
	{
		name: "dorefa@paper", source: "Zhou et al. 2016, arXiv 1606.06160, section 2",
		weights: keys{}, activations: keys{},
		recipe: inner(nil),
		notes:  []string{"gradients are quantized too, with noise"},
	},
	{
		name: "dsq@paper", source: "Gong et al. 2019, arXiv 1908.05033, section 3",
		weights: keys{"ste": "dsq", "options": "{alpha: 0.2, learn_alpha: 1}"}, activations: keys{"ste": "dsq", "options": "{alpha: 0.2, learn_alpha: 1}"},
		recipe: inner(nil),
	},
	{
		name: "dsq@mqbench", source: "MQBench 00f477d, mqbench/fake_quantize/dsq.py",
		weights: keys{"ste": "dsq", "options": "{alpha: 0.4}"}, activations: keys{"ste": "dsq", "options": "{alpha: 0.4}"},
		recipe: keys{"quant.first_last": "8", "quant.residual": "fp"},
		notes:  []string{"the interval is that of an observer at each step, not learned"},
	},
	{
		name: "ewgs@paper", source: "Lee et al. 2021, arXiv 2104.00903, section 3, and the authors' code for CIFAR-10",
		weights: keys{"ste": "ewgs", "options": "{delta: 0.001}"}, activations: keys{"ste": "ewgs", "options": "{delta: 0.001}"},
		recipe: inner(keys{
			"train.epochs": "400", "train.batch": "256", "train.lr": "0.001", "train.optimizer.kind": "adam", "train.optimizer.weight_decay": "1e-4",
			"train.groups.scales.lr_multiplier": "0.01", "train.groups.batch_norm.weight_decay": "inherit", "train.schedule.kind": "cosine",
		}),
		notes: []string{"delta follows the trace of the Hessian every 10 epochs; 0.001 is the paper's fixed one"},
	},
	{
		name: "lsq@paper", source: "Esser et al. 2020, arXiv 1902.08153, sections 2 and 3",
		weights: keys{}, activations: keys{},
		recipe: keys{
			"data.dataset": "imagenet", "train.epochs": "90", "train.lr": "0.01", "train.optimizer.weight_decay": "1e-4", "train.schedule.kind": "cosine",
			"quant.first_last": "8", "quant.residual": "fp",
		},
		notes: []string{"training starts from a trained float network", "8 bits train for 1 epoch with train.lr 0.001; weight decay is half of 1e-4 at 3 bits and a quarter at 2"},
	},
	{
		name: "lsq@lsq-net", source: "github.com/zhutmost/lsq-net 1f644e9, quan/quantizer/lsq.py and config.yaml",
		weights: keys{"granularity": "per_channel", "n": "per_tensor"}, activations: keys{"signed": "false", "n": "per_tensor"},
		recipe: keys{"train.epochs": "90", "train.lr": "0.01", "train.optimizer.weight_decay": "1e-4", "train.schedule.kind": "constant", "quant.first_last": "fp", "quant.residual": "fp"},
		notes:  []string{"the scales of activations start at 1, not from data", "nothing keeps a scale positive"},
	},
	{
		name: "lsq@mqbench", source: "MQBench 00f477d, mqbench/fake_quantize/lsq.py and application/lsq_configs/resnet18-4bit-acedemic.yaml",
		weights: keys{}, activations: keys{"n": "per_tensor"},
		recipe: keys{
			"data.dataset": "imagenet", "train.epochs": "100", "train.batch": "512", "train.lr": "5e-5", "train.optimizer.kind": "adam", "train.optimizer.weight_decay": "0",
			"train.schedule.kind": "cosine", "quant.first_last": "8", "quant.residual": "fp",
		},
		notes: []string{"activations have a zero point that is learned too", "a scale that turns negative is replaced by its magnitude"},
	},
	{
		name: "lsq@neuralzip", source: "github.com/zhutmost/neuralzip 4284964, neuralzip/quantizer/lsq.py",
		weights: keys{"n": "per_tensor"}, activations: keys{"n": "per_tensor"},
		notes: []string{"nothing keeps a scale positive"},
	},
	{
		name: "lsq_plus@paper", source: "Bhalgat et al. 2020, arXiv 2004.09576, section 3",
		weights: keys{}, activations: keys{},
		recipe: keys{"data.dataset": "imagenet", "quant.residual": "fp"},
		notes:  []string{"training starts from a trained float network"},
	},
	{
		name: "pact@paper", source: "Choi et al. 2018, arXiv 1805.06085, section 3 and appendix, for ResNet-20 on CIFAR-10",
		activations: keys{"options": "{decay: 0.0002, initial_alpha: 10}"},
		recipe:      pactRecipe,
	},
	{
		name: "pact@distiller", source: "Distiller d859fc8, examples/quantization/quant_aware_train/preact_resnet20_cifar_pact.yaml",
		activations: keys{"options": "{decay: 0.0002, initial_alpha: 8}"},
		recipe:      pactRecipe,
		notes:       []string{"the network is the pre-activation ResNet-20"},
	},
	{
		name: "pact@mqbench", source: "MQBench 00f477d, mqbench/fake_quantize/pact.py",
		activations: keys{"options": "{decay: 0, initial_alpha: 6}"},
		recipe:      keys{"quant.first_last": "8", "quant.residual": "fp"},
		notes:       []string{"a second clip is learned below 0 where activations can be negative", "the penalty on alpha is the optimizer's weight decay"},
	},
	{
		name: "qil@paper", source: "Jung et al. 2019, arXiv 1808.05779, section 3",
		weights: keys{"options": "{learn_gamma: 1}"}, activations: keys{"options": "{learn_gamma: 0}"},
		recipe: inner(keys{"data.dataset": "imagenet"}),
		notes:  []string{"bits fall step by step, each network trained from the one with more (progressive finetuning)"},
	},
	{
		name: "sawb@paper", source: "Choi et al. 2018, arXiv 1807.06964",
		weights: keys{},
		recipe:  inner(keys{"quant.activations.estimator": "pact"}),
	},
	{
		name: "stochastic@paper", source: "Gupta et al. 2015, arXiv 1502.02551, section 3.1",
		weights: keys{}, activations: keys{},
		recipe: keys{"model.init": "random"},
		notes:  []string{"fixed point of 16 bits with a radix point per layer, in place of a learned scale; gradients and updates are rounded too"},
	},
	{
		name: "wrpn@paper", source: "Mishra et al. 2017, arXiv 1709.01134, section 3",
		weights: keys{}, activations: keys{},
		recipe: inner(nil),
		notes:  []string{"layers are two or three times as wide"},
	},
}

// pactRecipe is that of PACT on CIFAR-10.
var pactRecipe = inner(keys{
	"model.init": "random", "train.epochs": "200", "train.batch": "128", "train.lr": "0.1", "train.optimizer.weight_decay": "2e-4",
	"train.schedule.kind": "step", "train.schedule.milestones": "[60ep, 120ep]", "quant.weights.estimator": "dorefa",
})
