package configs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeFiles makes a folder with files.
func writeFiles(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const smallNetwork = "nodes: # two layers\n  - {name: first, conv: {out: 8, kernel: 3}}\n  - relu\n  - global_average_pool\n  - {name: last, linear: {out: classes}}\n"

// A network of one's own is found from the config that names it, from the working directory in an argument, or embedded; it may
// stand in the config itself. The resolved config has it inside, and needs no file.
func TestOwnNetwork(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"sub/net.yaml": smallNetwork, "here.yaml": strings.ReplaceAll(smallNetwork, "first", "front"),
		"sub/base.yaml":      "extends: quickstart\nmodel: {network: net.yaml, init: random}\n",
		"child.yaml":         "extends: sub/base.yaml\n",
		"back.yaml":          "extends: sub/base.yaml\nmodel: {arch: resnet32}\n",
		"inline.yaml":        "extends: quickstart\nmodel:\n  init: random\n  network:\n    " + strings.ReplaceAll(strings.ReplaceAll(smallNetwork, "\n", "\n    "), "first", "inner") + "\n",
		"embedded.yaml":      "extends: quickstart\nmodel: {network: networks/residual.yaml, init: random}\n",
		"data.yaml":          "extends: sub/base.yaml\ndata: {dataset: random, random: {height: 9, width: 5, channels: 1, classes: 3}}\n",
		"networks/mine.yaml": smallNetwork,
	})
	t.Chdir(dir)
	for _, tt := range []struct {
		config    string
		overrides []string
		arch      Arch
		layer     string // the first of
		count     int    // layers
	}{
		{"sub/base.yaml", nil, CustomArch, "first", 2},
		{"child.yaml", nil, CustomArch, "first", 2},
		{"child.yaml", []string{"model.network=here.yaml"}, CustomArch, "front", 2},
		{"child.yaml", []string{"model.network=here.yaml", "model.arch=resnet20"}, ResNet20, "conv1", 20},
		{"child.yaml", []string{"model.network=none"}, ResNet20, "conv1", 20},
		{"back.yaml", nil, "resnet32", "conv1", 32},
		{"inline.yaml", nil, CustomArch, "inner", 2},
		{"embedded.yaml", nil, CustomArch, "conv1", 14},
		{"quickstart", []string{"model.network=networks/plain_cnn.yaml", "model.init=random"}, CustomArch, "conv0.0", 7},
		{"quickstart", []string{"model.network={nodes: [flatten, {name: x, linear: {out: classes}}]}", "model.init=random"}, CustomArch, "x", 1},
		{"quickstart", []string{"model.network=networks/mine.yaml", "model.init=random", "quant.layers[fir*].weights.bits=2"}, CustomArch, "first", 2},
		{"data.yaml", nil, CustomArch, "first", 2},
		{"sub/base.yaml", []string{"quant.activations={bits: 1, estimator: sign}", "quant.residual=fp"}, CustomArch, "first", 2}, // no ReLU may be before it
	} {
		c, err := Load(tt.config, tt.overrides)
		if err != nil {
			t.Errorf("%s %v: %v", tt.config, tt.overrides, err)
			continue
		}
		if names := c.LayerNames(); len(names) != tt.count || names[0] != tt.layer || c.Model.Arch != tt.arch {
			t.Errorf("%s %v: %s with layers %v; want %s with %d from %s on", tt.config, tt.overrides, c.Model.Arch, names, tt.arch, tt.count, tt.layer)
		}
		again, err := Parse("config.yaml", c.YAML())
		if err != nil {
			t.Errorf("%s: %v\n%s", tt.config, err, c.YAML())
			continue
		}
		if string(again.YAML()) != string(c.YAML()) || !slices.Equal(again.LayerNames(), c.LayerNames()) {
			t.Errorf("%s: resolved, it is another config\n%s", tt.config, again.YAML())
		}
		if _, err := Parse("config.yaml", c.AnnotatedYAML()); err != nil {
			t.Errorf("%s, with origins: %v", tt.config, err)
		}
	}
}

// What is wrong with a network is told where it stands, together with what is wrong with the config.
func TestOwnNetworkMistakes(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"net.yaml":     smallNetwork,
		"bad.yaml":     "nodes:\n  - {name: first, conv: {out: 8, kernal: 3}}\n  - rely\n  - global_average_pool\n  - {name: last, linear: {out: classes}}\n",
		"big.yaml":     "nodes:\n  - {name: first, conv: {out: 8, kernel: 33}}\n  - global_average_pool\n  - {name: last, linear: {out: classes}}\n",
		"input.yaml":   "input: [224, 224, 3]\n" + smallNetwork,
		"both.yaml":    "extends: quickstart\nmodel: {arch: resnet20, network: net.yaml, width: 0.5}\n",
		"inline.yaml":  "extends: quickstart\nmodel:\n  network:\n    nodes:\n      - {name: first, conv: {out: 8}}\n",
		"list.yaml":    "extends: quickstart\nmodel:\n  network: [relu]\n",
		"missing.yaml": "extends: quickstart\nmodel:\n  network: nothing.yaml\n",
	})
	t.Chdir(dir)
	for _, tt := range []struct {
		config    string
		overrides []string
		want      []string
	}{
		{"quickstart", []string{"model.network=bad.yaml", "train.lr=x"}, []string{`bad.yaml:2:34: unexpected key "kernal" in conv (did you mean "kernel"?)`, `bad.yaml:3:5: unknown operation "rely" (did you mean "relu"?)`, `argument "train.lr=x": train.lr: wanted`}},
		{"quickstart", []string{"model.network=big.yaml"}, []string{`big.yaml:2:19: conv "first": a window of 33x33 over an input of 32x32x3`}},
		{"quickstart", []string{"model.network=input.yaml"}, []string{`input.yaml:1:8: input is 224x224x3, and the images are 32x32x3`}},
		{"quickstart", []string{"model.network=net.yaml", "quant.layers[furst].weights.bits=2"}, []string{`quant.layers: "furst" matches no layer (did you mean "first"?)`}},
		{"quickstart", []string{"model.network=both.yaml"}, []string{`both.yaml:1:1: unexpected key "extends": this is no network, which has the keys nodes, input`}},
		{"net.yaml", nil, []string{`net.yaml:1:1: this is a network, not a config; model.network of a config names its file`}},
		{"input.yaml", nil, []string{`input.yaml:2:1: this is a network, not a config`}},
		{"quickstart", []string{"model.network=residual"}, []string{`no file "residual" and no embedded network "residual" (did you mean "networks/residual.yaml"?)`}},
		{"quickstart", []string{"model.network=networks/plain_cn.yaml"}, []string{`no embedded network "networks/plain_cn.yaml" (did you mean "networks/plain_cnn.yaml"?)`}},
		{"quickstart", []string{"model.network="}, []string{`argument "model.network=": model.network: wanted a file, a network {nodes: [...]}, or none, found an empty value`}},
		{"quickstart", []string{"model.network=."}, []string{`argument "model.network=.": model.network: no file "." and no embedded network "."`}},
		{"quickstart", []string{"model.arch=custom"}, []string{`argument "model.arch=custom": model.arch: custom needs model.network`}},
		{"both.yaml", nil, []string{`both.yaml:2:15: model.arch has no effect on model.network; remove one of them`, `both.yaml:2:51: model.width has no effect on model.network`}},
		{"inline.yaml", nil, []string{`inline.yaml:5:23: model.network: conv: kernel is missing`}},
		{"list.yaml", nil, []string{`list.yaml:3:12: model.network: wanted a file, a network {nodes: [...]}, or none, found a list`}},
		{"missing.yaml", nil, []string{`missing.yaml:3:12: model.network: no file "nothing.yaml" and no embedded network "nothing.yaml"`}},
	} {
		_, err := Load(tt.config, tt.overrides)
		var list ErrorList
		if !errors.As(err, &list) || len(list) != len(tt.want) {
			t.Errorf("%s %v: %v; want %d mistakes", tt.config, tt.overrides, err, len(tt.want))
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s %v: got\n%v\nwant %s", tt.config, tt.overrides, err, want)
			}
		}
	}
}

// A key by another word is one mistake: the right one is not called missing besides.
func TestMeantKeys(t *testing.T) {
	for text, want := range map[string]int{
		"train: {epoch: 3}\nquant: {weight: {bits: 4}, activations: {bit: 4}}":  3,
		"train: {step: 3}\nquant: {weights: {bits: 4}, activations: {bits: 4}}": 1,
		"epochs: 3\nquant: {weights: {bits: 4}, activations: {bits: 4}}":        1,
		"train: {lrr: 3}\nquant: {weights: {bits: 4}, activations: {bits: 4}}":  2, // and train.epochs
	} {
		_, err := Parse("my.yaml", []byte(text))
		if list := (ErrorList{}); !errors.As(err, &list) || len(list) != want {
			t.Errorf("%s: %v; want %d mistakes", text, err, want)
		}
	}
}
