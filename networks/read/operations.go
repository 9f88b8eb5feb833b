package read

import (
	"slices"
	"strings"

	"github.com/qat-go/qat/networks"
)

// attributes are what operations can have, those of all kinds together.
type attributes struct {
	out              int
	kernel, stride   networks.Size
	pad              networks.Pad
	same             bool // pad: what [networks.Same] gives
	groups           int
	bias             bool
	eps, momentum    float64
	slope, rate      float64
	ceil, countPad   bool
	real             bool
	start            networks.Start // "" is the kind's
	classes          bool           // out is the number of classes
	kernelIsStrideOf bool           // a pool without a stride
}

// operation is a row of the table: an operation of [networks.Ops] in YAML.
type operation struct {
	doc        string
	attributes []attribute
	make       func(attributes) networks.Op
}

// operations has a row for each of [networks.Ops].
var operations = map[networks.Kind]operation{
	networks.Conv{}.Kind(): {"A convolution over zero padding.", []attribute{out, kernel, strideOne, pad, groups, biasOf("false"), startOf(networks.He)}, func(a attributes) networks.Op {
		return networks.Conv{Out: a.out, Window: a.window(), Groups: a.groups, Bias: a.bias, Start: a.start}
	}},
	networks.Linear{}.Kind(): {"A linear layer over all channels of one pixel: pool or flatten before it.", []attribute{out, biasOf("true"), startOf(networks.Uniform)}, func(a attributes) networks.Op {
		return networks.Linear{Out: a.out, NoBias: !a.bias, Start: a.start}
	}},
	networks.BatchNorm{}.Kind(): {"Batch norm over each channel.", []attribute{eps, momentum}, func(a attributes) networks.Op {
		return networks.BatchNorm{Eps: a.eps, Momentum: a.momentum}
	}},
	networks.ReLU{}.Kind():      {"max(x, 0).", nil, func(attributes) networks.Op { return networks.ReLU{} }},
	networks.ReLU6{}.Kind():     {"min(max(x, 0), 6).", nil, func(attributes) networks.Op { return networks.ReLU6{} }},
	networks.LeakyReLU{}.Kind(): {"x, times `slope` where it is negative.", []attribute{slope}, func(a attributes) networks.Op { return networks.LeakyReLU{Slope: a.slope} }},
	networks.PReLU{}.Kind():     {"x, times a learned slope of its channel where it is negative.", nil, func(attributes) networks.Op { return networks.PReLU{} }},
	networks.RPReLU{}.Kind():    {"ReActNet's PReLU, moved by learned offsets of its channel.", nil, func(attributes) networks.Op { return networks.RPReLU{} }},
	networks.Add{}.Kind(): {"The sum of two nodes of one shape: `from` names the branch, then the residual stream.", []attribute{realSum}, func(a attributes) networks.Op {
		return networks.Add{Real: a.real}
	}},
	networks.Concat{}.Kind(): {"The channels of two or more nodes behind one another, in the order of `from`.", nil, func(attributes) networks.Op { return networks.Concat{} }},
	networks.Shortcut{}.Kind(): {"ResNet's option A: every `stride`-th pixel, and zeros for new channels.", []attribute{out, strideWhole}, func(a attributes) networks.Op {
		return networks.Shortcut{Out: a.out, Stride: a.stride.H}
	}},
	networks.Flatten{}.Kind(): {"The image as the channels of one pixel. In integers, linear layers, 1x1 convolutions, and functions that are one for all channels can read it.", nil, func(attributes) networks.Op { return networks.Flatten{} }},
	networks.Dropout{}.Kind(): {"In training, 0 with probability `rate`, else x/(1 - `rate`).", []attribute{rate}, func(a attributes) networks.Op { return networks.Dropout{Rate: a.rate} }},
	networks.MaxPool{}.Kind(): {"The largest value in a window.", []attribute{kernel, strideOfPool, pad, ceilMode}, func(a attributes) networks.Op {
		return networks.MaxPool{Window: a.window(), Ceil: a.ceil}
	}},
	networks.AveragePool{}.Kind(): {"The mean of a window.", []attribute{kernel, strideOfPool, pad, ceilMode, countIncludePad}, func(a attributes) networks.Op {
		return networks.AveragePool{Window: a.window(), Ceil: a.ceil, CountPad: a.countPad}
	}},
	networks.GlobalAveragePool{}.Kind(): {"The mean of each channel over all pixels.", nil, func(attributes) networks.Op { return networks.GlobalAveragePool{} }},
}

func (a attributes) window() networks.Window {
	return networks.Window{Kernel: a.kernel, Stride: a.stride, Pad: a.pad}
}

// at returns the operation for the shape that it reads and so many classes.
func (n node) at(in []networks.Shape, classes int) networks.Op {
	a := n.attributes
	if a.classes {
		a.out = classes
	}
	if a.kernelIsStrideOf {
		a.stride = a.kernel
	}
	if a.same && len(in) > 0 {
		a.pad = networks.Same(in[0], a.kernel, a.stride).Pad
	}
	return operations[n.kind].make(a)
}

// kinds lists the words for operations, in the order of tables.
func kinds() (words []string) {
	for _, op := range networks.Ops() {
		words = append(words, string(op.Kind()))
	}
	return words
}

func keysOf(all []attribute) (keys []string) {
	for _, a := range all {
		keys = append(keys, a.key)
	}
	return keys
}

// allowed lists keys for a message.
func allowed(keys []string) string {
	if len(keys) == 0 {
		return "none"
	}
	return strings.Join(slices.Clone(keys), ", ")
}
