package configs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
)

// Each network of the zoo has its layers and takes a rule by a layer's name, at its paper's input, on the data set random.
func TestArchitectures(t *testing.T) {
	for _, a := range networks.Archs() {
		overrides := []string{"model.init=random", "model.arch=" + a.Name, "data.dataset=random",
			fmt.Sprintf("data.random={height: %d, width: %d, channels: %d, classes: %d}", a.Input.H, a.Input.W, a.Input.C, a.Classes)}
		c, err := Load("resnet20_w4a4", overrides)
		if err != nil {
			t.Errorf("%s: %v", a.Name, err)
			continue
		}
		net, err := networks.Build(a.Name, networks.Options{Input: a.Input, Classes: a.Classes})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, node := range net.Weighted() {
			want = append(want, node.Name)
		}
		if got := c.LayerNames(); !slices.Equal(got, want) || len(got) == 0 {
			t.Errorf("%s: layers %v, want %v", a.Name, got, want)
		}
		if _, err := Load("resnet20_w4a4", append(overrides, "quant.layers["+want[len(want)-1]+"].weights.bits=2")); err != nil {
			t.Errorf("%s: %v", a.Name, err)
		}
	}
}

// What the model chooses of its architecture reaches the network.
func TestModelOptions(t *testing.T) {
	for _, tt := range []struct {
		overrides []string
		layer     string // that there is
		count     int    // of layers
	}{
		{[]string{"model.shortcut=B"}, "layer2.0.shortcut.0", 22},
		{[]string{"model.shortcut=pool", "model.block=bireal", "quant.residual=fp"}, "layer2.0.shortcut.1", 22},
		{[]string{"model.arch=mobilenet_v1", "model.width=0.25", "model.form=mlperf_tiny", "data.dataset=random", "data.random={height: 96, width: 96, classes: 2}"}, "model.13.3", 28},
		{[]string{"model.arch=alexnet_bn", "model.form=dorefa", "data.dataset=random", "data.random={height: 224, width: 224}"}, "fct", 8},
	} {
		c, err := Load("resnet20_w4a4", append([]string{"model.init=random"}, tt.overrides...))
		if err != nil {
			t.Errorf("%v: %v", tt.overrides, err)
			continue
		}
		if names := c.LayerNames(); !slices.Contains(names, tt.layer) || len(names) != tt.count {
			t.Errorf("%v: layers %v; want %d with %s", tt.overrides, names, tt.count, tt.layer)
		}
	}
	n, err := Model{Arch: "mobilenet_v1", Block: BasicBlock, Shortcut: ShortcutAuto, Width: 0.25, Form: FormMLPerfTiny}.Build(networks.Shape{H: 96, W: 96, C: 3}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if conv, ok := n.Nodes[0].Op.(networks.Conv); !ok || conv.Out != 8 || !conv.Bias || conv.Pad != (networks.Pad{Bottom: 1, Right: 1}) {
		t.Errorf("the first node is %+v", n.Nodes[0])
	}
}

// A key that does not apply is an error at its place that names what it applies to, and none of rules for layers that are not known.
func TestNetworkMistakes(t *testing.T) {
	for _, tt := range []struct {
		overrides []string
		want      string
	}{
		{[]string{"quant.concat=requantize"}, `argument "quant.concat=requantize": quant.concat: requantize has no effect on a network without concat; remove it`},
		{[]string{"model.arch=squeezenet1_1", "quant.concat=requantize", "quant.residual=fp"}, `argument "quant.concat=requantize": quant.concat: requantize has no effect with quant.residual: fp`},
		{[]string{"model.network={nodes: [flatten, {name: a, linear: {out: 5}}, {concat: , from: [a, a]}, {add: {real: true}, from: [concat1, concat1]}]}", "quant.concat=requantize"},
			`argument "quant.concat=requantize": quant.concat: requantize has no effect on a network with sums of real values; remove it`},
		{[]string{"model.width=0.5"}, `argument "model.width=0.5": model.width: resnet20 has no width; these have: mobilenet_v1, mobilenet_v2`},
		{[]string{"model.form=torch", "quant.layers[conv9].weights.bits=2"}, `argument "model.form=torch": model.form: resnet20 has no choice of form; these have: resnet8, alexnet_bn, mobilenet_v1, ds_cnn`},
		{[]string{"model.arch=resnet18", "model.shortcut=A"}, `argument "model.shortcut=A": model.shortcut: resnet18 has no shortcut "A"; it has B, pool`},
		{[]string{"model.arch=resnet18", "model.form=torch", "model.shortcut=A"}, `argument "model.shortcut=A": model.shortcut: resnet18 has no shortcut "A"; it has B, pool`},
		{[]string{"model.arch=vgg_small", "model.block=reactnet"}, `argument "model.block=reactnet": model.block: vgg_small has no choice of block; these have: resnet20, `},
		{[]string{"model.arch=alexnet_bn"}, `argument "model.arch=alexnet_bn": model.arch: alexnet_bn: pool2: a window of 3x3 over an input of 2x2x256, padded by 0; expected one that fits in it; the images of data.dataset cifar10 are 32x32x3`},
		{[]string{"data.random.seed=3"}, `argument "data.random.seed=3": data.random.seed has no effect on data.dataset cifar10; remove it or set data.dataset: random`},
		{[]string{"data.random={channels: 1, images: 5}"}, `data.random.channels has no effect on data.dataset cifar10`},
		{[]string{"model.arch=resnet21"}, `unknown value "resnet21" (did you mean "resnet20"?); allowed: resnet8, resnet20, `},
	} {
		_, err := Load("resnet20_w4a4", append([]string{"model.init=random"}, tt.overrides...))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "matches no layer") {
			t.Errorf("%v: %v; want %s", tt.overrides, err, tt.want)
		}
	}
}
