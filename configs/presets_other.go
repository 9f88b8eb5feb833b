package configs

// weightsOnly is what papers share that leave activations alone, and the ends of the network.
func weightsOnly(recipe keys) keys {
	recipe = inner(recipe)
	recipe["quant.activations.bits"] = "fp"
	return recipe
}

// binary is the recipe of a network whose activations are signs too.
func binary(activations string, recipe keys) keys {
	recipe["quant.activations.bits"], recipe["quant.activations.estimator"] = "1", activations
	return recipe
}

// otherPresets are those of binary, ternary, clustered and uneven levels, and of noise.
var otherPresets = []preset{
	{
		name: "additive_noise@paper", source: "Défossez et al. 2021, arXiv 2104.09987, section 3",
		weights: keys{},
		recipe:  keys{"quant.activations.bits": "fp", "quant.residual": "fp"},
		notes:   []string{"the bits of each group of 8 weights are learned", "levels go from the smallest to the largest weight of a group"},
	},
	{
		name: "apot@paper", source: "Li et al. 2020, arXiv 1909.13144, sections 2 and 4, and the authors' code for CIFAR-10",
		weights: keys{"options": "{clip: 3}"}, activations: keys{"options": "{clip: 8}"},
		recipe: keys{
			"train.epochs": "300", "train.batch": "128", "train.lr": "0.1", "train.optimizer.weight_decay": "1e-4", "train.groups.scales.weight_decay": "1e-4",
			"train.schedule.kind": "step", "train.schedule.milestones": "[150ep, 225ep]", "quant.first_last": "8", "quant.residual": "fp",
		},
		notes: []string{"the clip of weights learns at a fifth of the rate of activations'", "the authors' code passes the gradient to clipped weights too (ste: identity)"},
	},
	{
		name: "binary_connect@paper", source: "Courbariaux et al. 2015, arXiv 1511.00363, sections 2 and 3.3",
		weights: keys{"options": "{stochastic: 0}"},
		recipe: keys{
			"model.init": "random", "data.validation": "5000", "data.augment.crop": "0", "data.augment.flip": "false", "train.epochs": "500", "train.batch": "50",
			"train.optimizer.kind": "adam", "quant.activations.bits": "fp", "quant.first_last": "same", "quant.residual": "fp",
		},
		notes: []string{"the loss is the squared hinge", "the rate of a layer's weights is scaled by its initialisation"},
	},
	{
		name: "bireal@paper", source: "Liu et al. 2018, arXiv 1808.00278, section 3",
		weights: keys{"granularity": "per_channel"}, activations: keys{},
		recipe: binary("bireal", inner(keys{"data.dataset": "imagenet", "model.block": "bireal"})),
		notes:  []string{"training goes in steps, from a float network with a leaky clip"},
	},
	{
		name: "bnn@paper", source: "Hubara et al. 2016, arXiv 1602.02830, sections 1 and 2",
		weights: keys{}, activations: keys{},
		recipe: binary("bnn", keys{"model.init": "random", "quant.first_last": "same", "quant.residual": "fp"}),
		notes:  []string{"the loss is the squared hinge", "batch norm and the optimizer shift in place of multiplying"},
	},
	{
		name: "bwn@paper", source: "Rastegari et al. 2016, arXiv 1603.05279, section 3.1",
		weights: keys{"granularity": "per_channel"},
		recipe:  weightsOnly(keys{"data.dataset": "imagenet", "model.init": "random"}),
	},
	{
		name: "bwn@reste", source: "Wu et al. 2023, arXiv 2308.06689, section 3",
		weights: keys{"granularity": "per_channel", "ste": "reste", "options": "{o: {kind: linear, from: 1, to: 3}, t: 1.5}"},
		recipe:  inner(nil),
	},
	{
		name: "hwgq@paper", source: "Cai et al. 2017, arXiv 1702.00953, sections 4 and 5",
		activations: keys{"options": "{uniform: 1}"},
		recipe:      inner(keys{"data.dataset": "imagenet", "model.init": "random", "quant.weights.bits": "1", "quant.weights.estimator": "bwn", "quant.activations.bits": "2"}),
	},
	{
		name: "inq@paper", source: "Zhou et al. 2017, arXiv 1702.03044, sections 2 and 3",
		weights: keys{"options": "{share: {kind: steps, from: 0.5, steps: {30%: 0.75, 60%: 0.875, 90%: 1}}}"},
		recipe:  keys{"data.dataset": "imagenet", "quant.activations.bits": "fp", "quant.first_last": "same", "quant.residual": "fp"},
		notes:   []string{"training starts from a trained float network", "each share of frozen weights is trained for as long as a network; the shares of training are ours"},
	},
	{
		name: "irnet@paper", source: "Qin et al. 2020, arXiv 1909.10788, section 3, and the authors' code for CIFAR-10",
		weights: keys{"granularity": "per_channel", "ste": "ede", "options": edeSchedule}, activations: keys{"ste": "ede", "options": edeSchedule},
		recipe: inner(keys{
			"model.init": "random", "train.epochs": "400", "train.batch": "128", "train.lr": "0.1", "train.optimizer.weight_decay": "1e-4",
			"train.groups.batch_norm.weight_decay": "inherit", "train.groups.bias.weight_decay": "inherit", "train.schedule.kind": "cosine",
		}),
	},
	{
		name: "kmeans@paper", source: "Han et al. 2016, arXiv 1510.00149, section 3",
		weights: keys{"options": "{reassign: 0}"},
		recipe:  keys{"quant.activations.bits": "fp", "quant.first_last": "same", "quant.residual": "fp"},
		notes:   []string{"the network is pruned before; convolutions have 8 bits, linear layers 5", "training starts from a trained float network"},
	},
	{
		name: "lq_nets@paper", source: "Zhang et al. 2018, arXiv 1807.10029, sections 3 and 4",
		weights: keys{"granularity": "per_channel", "options": "{momentum: 0.9}"}, activations: keys{"options": "{momentum: 0.9}"},
		recipe: inner(keys{
			"model.init": "random", "train.epochs": "200", "train.batch": "128", "train.lr": "0.1", "train.optimizer.weight_decay": "1e-4",
			"train.schedule.kind": "step", "train.schedule.milestones": "[82ep, 123ep]",
		}),
	},
	{
		name: "pot@paper", source: "Miyashita et al. 2016, arXiv 1603.01025, section 3",
		weights: keys{},
		recipe:  keys{"quant.residual": "fp"},
		notes:   []string{"activations have powers of two too"},
	},
	{
		name: "quant_noise@paper", source: "Fan et al. 2021, arXiv 2004.07320, section 4",
		weights: keys{},
		recipe:  keys{"quant.residual": "fp"},
		notes:   []string{"levels go from the smallest to the largest weight; blocks, not weights, are drawn with product quantization"},
	},
	{
		name: "reactnet@paper", source: "Liu et al. 2020, arXiv 2003.03488, section 4",
		weights: keys{"granularity": "per_channel"}, activations: keys{},
		recipe: binary("reactnet", inner(keys{"data.dataset": "imagenet", "model.block": "reactnet", "train.optimizer.kind": "adam"})),
		notes:  []string{"the loss is the distance from a float teacher's distribution", "training has two steps, activations first"},
	},
	{
		name: "ttq@paper", source: "Zhu et al. 2017, arXiv 1612.01064, sections 3 and 5.1, for ResNet-20 on CIFAR-10",
		weights: keys{"options": "{t: 0.05}"},
		recipe:  weightsOnly(keys{"train.lr": "0.1", "train.batch": "128", "train.optimizer.weight_decay": "2e-4", "train.schedule.kind": "step"}),
		notes:   []string{"training starts from a trained float network"},
	},
	{
		name: "twn@paper", source: "Li et al. 2016, arXiv 1605.04711, sections 2 and 3, for CIFAR-10",
		weights: keys{},
		recipe: keys{
			"model.arch": "vgg_small", "model.init": "random", "train.batch": "100", "train.lr": "0.1", "train.optimizer.weight_decay": "1e-4",
			"train.schedule.kind": "step", "train.schedule.milestones": "[80ep, 120ep]", "quant.activations.bits": "fp", "quant.residual": "fp",
		},
	},
	{
		name: "xnor@paper", source: "Rastegari et al. 2016, arXiv 1603.05279, section 3.2",
		weights: keys{"granularity": "per_channel"}, activations: keys{},
		recipe: binary("xnor", inner(keys{"data.dataset": "imagenet", "model.init": "random"})),
		notes:  []string{"batch norm comes before the sign, and activations have a scale for each place"},
	},
}

// edeSchedule is the t of EDE over training.
const edeSchedule = "{t: {kind: exponential, from: 0.1, to: 10}}"
