package layers

import (
	"errors"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/networks"
)

// What keeps a network from integers is told of all layers, truly, and with the key that cures it.
func TestIntegerForm(t *testing.T) {
	for _, tt := range []struct{ override, want, cure string }{
		{"quant.weights={estimator: dorefa, bits: 8}",
			"conv1, layer1.0.conv1, layer1.0.conv2 and 17 more cannot run in integers: the levels of dorefa weights are a scale times -255 to 255, and codes are bytes, -128 to 127; with bits: 7 they have one",
			"quant.weights.bits=7|quant.first_last=7"},
		{"quant.weights={estimator: sawb, bits: 8}",
			"the levels of sawb weights are a scale times -255 to 255, and codes are bytes, -128 to 127; with narrow: true they have one", "quant.weights.narrow=true"},
		{"quant.activations.estimator=lsq_plus",
			"layer1.0.conv1, layer1.0.conv2, layer1.1.conv1 and 16 more cannot run in integers: the levels of lsq_plus activations are not a scale times integers; with options: {zero_point: 1} they are",
			"quant.activations.options={zero_point: 1}"},
		{"quant.activations={estimator: lsq_plus, narrow: true, signed: true, options: {zero_point: 1}}",
			"the levels of lsq_plus activations have no integer form where they are narrow; with narrow: false they have one", "quant.activations.narrow=false"},
		{"quant.activations={estimator: hwgq, bits: 4}", "the levels of hwgq activations are not those of rounding to the nearest multiple of a scale", ""},
		{"quant.activations={estimator: apot, bits: 4}", "the levels of apot activations are not those of rounding to the nearest multiple of a scale", ""},
		{"quant.activations={estimator: qil, bits: 4}", "the levels of qil activations are rounded with another scale or offset than their codes have", ""},
		{"quant.weights.estimator=dsq", "the levels of dsq weights are not a scale times integers", ""},
		{"quant.weights={estimator: dsq, options: {zero_point: 1}}", "conv1, layer1.0.conv1, layer1.0.conv2 and 17 more cannot run in integers: " +
			"the levels of dsq weights have a zero point, and weights of an integer network have none", ""},
		{"quant.weights.estimator=kmeans", "the levels of kmeans weights are not a scale times integers", ""},
	} {
		err := testNetwork(t, "resnet20_w4a4", tt.override).IntegerForm()
		var e *NotIntegerError
		if !errors.As(err, &e) || len(e.Causes) != 1 || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.override, err, tt.want)
		}
		if tt.cure == "" {
			continue
		}
		if err := testNetwork(t, "resnet20_w4a4", append([]string{tt.override}, strings.Split(tt.cure, "|")...)...).IntegerForm(); err != nil {
			t.Errorf("%s and %s: %v", tt.override, tt.cure, err)
		}
	}
	// How gradients pass, and what the network needs no level for, is nothing to an integer network.
	for _, override := range []string{"quant.activations={estimator: lsq, ste: identity}", "quant.activations={estimator: pact, signed: true}",
		"quant.activations={estimator: dorefa, ste: ewgs}", "quant.activations={estimator: lsq_plus, ste: identity, options: {zero_point: 1}}"} {
		agree(t, calibrated(t, "resnet20_w4a4", override), 2, 2, []string{override})
	}
	// Two causes are told together, and each layer's row has its own.
	n := testNetwork(t, "resnet20_w4a4", "quant.weights.estimator=kmeans", "quant.layers[layer2.0.conv1].activations.bits=fp")
	var e *NotIntegerError
	if err := n.IntegerForm(); !errors.As(err, &e) || len(e.Causes) != 2 || !strings.Contains(err.Error(), "; layer2.0.conv1 cannot run in integers: the input is left") {
		t.Errorf("%v, want two causes", err)
	}
	for _, r := range n.Table() {
		if has := strings.Contains(r.NotExportable, "input"); has != (r.Name == "layer2.0.conv1") || r.NotExportable == "" {
			t.Errorf("%s: %q", r.Name, r.NotExportable)
		}
	}
	for _, e := range configs.Names() {
		testNetwork(t, e.Name).IntegerForm() // without panic
	}
}

// What reads the images is told where it has no codes of them: nothing panics, and what is said to run in integers does.
func TestImagesAreRead(t *testing.T) {
	conv := networks.Conv{Out: 3, Window: networks.Square(3, 1, 1)}
	for name, tt := range map[string]struct {
		build func(n *networks.Network) string // the last node before the pooling
		want  string
	}{
		"sum": {func(n *networks.Network) string {
			return n.Add("s", networks.Add{}, networks.Input, n.Add("c", conv, networks.Input))
		}, "s cannot run in integers: it reads the images"},
		"shortcut": {func(n *networks.Network) string {
			return n.Add("s", networks.Add{}, n.Add("c", conv, networks.Input), networks.Input)
		}, "s cannot run in integers: it reads the images"},
		"twice": {func(n *networks.Network) string {
			return n.Add("c", conv, n.Add("s", networks.Add{}, networks.Input, networks.Input))
		}, "s cannot run in integers: it reads the images"},
		"norm": {func(n *networks.Network) string {
			return n.Add("c", conv, n.Add("bn", networks.BatchNorm{Eps: 1e-5, Momentum: 0.1}, networks.Input))
		}, "bn cannot run in integers: it reads the images"},
		"joined": {func(n *networks.Network) string {
			return n.Add("d", conv, n.Add("j", networks.Concat{}, n.Add("c", conv, networks.Input), networks.Input))
		}, "d.input.1 cannot run in integers: it reads the images"},
		"pooled": {func(n *networks.Network) string {
			p := n.Add("p", networks.MaxPool{Window: networks.Square(2, 1, 0)}, networks.Input)
			return n.Add("j", networks.Concat{}, n.Add("c", conv, p), p)
		}, "p cannot run in integers: it reads the images"},
		"two": {func(n *networks.Network) string {
			return n.Add("s", networks.Add{}, n.Add("c", conv, networks.Input), n.Add("d", conv, networks.Input))
		}, ""},
		"bits": {func(n *networks.Network) string {
			return n.Add("s", networks.Add{}, n.Add("c", conv, networks.Input), n.Add("conv1", conv, networks.Input))
		}, "conv1.input cannot run in integers: c.input gives the images other bits; give both the same"},
		"relu6 behind a sum": {func(n *networks.Network) string {
			return n.Add("six", networks.ReLU6{}, n.Add("s", networks.Add{}, n.Add("c", conv, networks.Input), n.Add("d", conv, networks.Input)))
		}, ""},
		"pooled part": {func(n *networks.Network) string { // the quantizer of the part goes before its pooling
			p := n.Add("p", networks.MaxPool{Window: networks.Square(3, 1, 1)}, n.Add("r", networks.ReLU{}, n.Add("c", conv, networks.Input)))
			return n.Add("e", conv, n.Add("j", networks.Concat{}, n.Add("d", conv, networks.Input), p))
		}, ""},
		"relu": {func(n *networks.Network) string { return n.Add("relu", networks.ReLU{}, networks.Input) }, ""},
		"first": {func(n *networks.Network) string {
			return n.Add("c", conv, n.Add("p", networks.MaxPool{Window: networks.Square(2, 2, 0)}, networks.Input))
		}, ""},
	} {
		n := &networks.Network{Input: zoo("").Input}
		n.Add("linear", networks.Linear{Out: 10}, n.Add("mean", networks.GlobalAveragePool{}, tt.build(n)))
		cfg, err := configs.Load("resnet20_w4a4", []string{"quant.layers[conv1].activations.bits=5"})
		if err != nil {
			t.Fatal(err)
		}
		net := must(New(n, &cfg.Quant, testInput, 1))
		err = net.IntegerForm()
		if tt.want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%s: %v; want %s", name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		calibrateNetwork(t, net)
		agree(t, net, 2, 4, nil)
	}
}
