package configs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/mutation"
)

// same returns c without the places, which differ when it is written anew; a network is what it says.
func same(c *Config) (s struct {
	Config
	network string
}) {
	s.Config = *c
	s.origins = nil
	if n := c.Model.Network; n != nil {
		s.Model.Network, s.network = nil, n.Flow()
	}
	if len(c.Quant.Schedule) > 0 {
		s.Quant.Schedule, s.network = nil, s.network+stages{stageFields(quantFields())}.format(c.Quant.Schedule)
	}
	s.Quant.Layers = nil
	for _, r := range c.Quant.Layers {
		r.Pos = Pos{}
		s.Quant.Layers = append(s.Quant.Layers, r)
	}
	return s
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, path string, overrides ...string) *Config {
	t.Helper()
	c, err := Load(path, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s (%v)", pattern, err)
	}
	return paths
}

func TestOK(t *testing.T) {
	for _, path := range files(t, "testdata/ok/*.yaml") {
		c := mustLoad(t, path)
		golden(t, strings.TrimSuffix(path, ".yaml")+".out", string(c.AnnotatedYAML()))
		for what, text := range map[string][]byte{"YAML": c.YAML(), "AnnotatedYAML": c.AnnotatedYAML()} {
			if again := mustLoad(t, write(t, string(text))); !reflect.DeepEqual(same(c), same(again)) {
				t.Errorf("%s: %s is read back as\n%+v\nwanted\n%+v", path, what, same(again), same(c))
			}
		}
	}
}

func TestErrors(t *testing.T) {
	for _, path := range files(t, "testdata/err/*.yaml") {
		_, err := Load(path, nil)
		var list ErrorList
		if !errors.As(err, &list) || len(list) == 0 {
			t.Errorf("%s: got %v, wanted an ErrorList", path, err)
			continue
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".out", err.Error()+"\n")
	}
}

func TestParse(t *testing.T) {
	c := mustLoad(t, "resnet20_w2a2", "train.seed=3")
	again, err := Parse("checkpoint.qat", c.YAML())
	if err != nil || !reflect.DeepEqual(same(c), same(again)) {
		t.Errorf("%v\n%+v\nwanted\n%+v", err, again, c)
	}
	if _, err := Parse("checkpoint.qat", []byte("train: {lr: 0}")); err == nil || !strings.HasPrefix(err.Error(), "checkpoint.qat:1:") {
		t.Errorf("got %v", err)
	}
}

func TestNotFound(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("#"), maxSize+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"quickstrat":               `did you mean "quickstart"?`,
		"elsewhere/quickstart":     "no such file or embedded config", // a mistyped directory is no fallback
		"":                         "no such file or embedded config",
		dir:                        "is a folder; wanted a config",
		big:                        "so not a config",
		"testdata/err/nowhere.yml": "no such file",
	} {
		_, err := Load(path, nil)
		var list ErrorList
		if !errors.As(err, &list) || len(list) == 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q): %v, wanted ...%s...", path, err, want)
		}
	}
}

// A file's name is the default of name, which becomes a directory.
func TestDefaultName(t *testing.T) {
	text := "train: {epochs: 1}\nquant: {weights: {bits: 4}, activations: {bits: 4}}\n"
	path := filepath.Join(t.TempDir(), "-x.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), "set name") {
		t.Errorf("got %v, wanted an error about the name", err)
	}
	if c := mustLoad(t, path, "name=ok"); c.Name != "ok" {
		t.Errorf("name %q", c.Name)
	}
	if c := mustLoad(t, write(t, text)); c.Name != "x" {
		t.Errorf("name %q, wanted that of the file", c.Name)
	}
}

func TestDiskWinsOverEmbedded(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "train: {epochs: 7}\nquant: {weights: {bits: 4}, activations: {bits: 4}}\n"
	if err := os.WriteFile("quickstart.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if c := mustLoad(t, "quickstart.yaml"); c.Train.Epochs != 7 {
		t.Errorf("epochs %d, wanted 7 from the file", c.Train.Epochs)
	}
	if c := mustLoad(t, "quickstart"); c.Train.Epochs != 4 {
		t.Errorf("epochs %d, wanted 4 from the embedded config", c.Train.Epochs)
	}
}

func TestOverrides(t *testing.T) {
	c := mustLoad(t, "resnet20_w4a4", "train.lr=1", "train.lr=0.5", "name=run=1",
		"quant.layers[layer3.*|linear].weights.bits=2", `quant.layers["layer[12].*"]={activations: {bits: fp}}`,
		"train.schedule.kind=step", "train.schedule.milestones=[2ep, 3ep]", "train.optimizer={nesterov: true}")
	if c.Train.LR != 0.5 || c.Name != "run=1" || !c.Train.Optimizer.Nesterov || c.Train.Optimizer.Momentum != 0.9 {
		t.Errorf("%+v", c)
	}
	if got := c.Train.Schedule.Milestones; !reflect.DeepEqual(got, []Duration{{2, Epochs}, {3, Epochs}}) {
		t.Errorf("milestones %v", got)
	}
	for name, want := range map[string][2]Bits{"linear": {2, 4}, "layer3.0.conv1": {2, 4}, "layer2.0.conv1": {4, FP}} {
		if w, a := c.Quant.Resolve(name, false, false); w.Bits != want[0] || a.Bits != want[1] {
			t.Errorf("%s: %v %v, wanted %v", name, w.Bits, a.Bits, want)
		}
	}
	for path, want := range map[string]string{
		"train.lr": "argument", "name": "argument", "train.seed": "default", "train": "", "nonsense": "", "a..b": "",
		"quant.layers[linear].weights.bits":            "",
		"quant.layers[layer3.*|linear].weights.bits":   "argument",
		`quant.layers["layer[12].*"].activations.bits`: "argument",
		"quant.weights.bits":                           "embedded:resnet20_w4a4.yaml:4:19",
		"extends":                                      "",
	} {
		if got := c.Origin(path); got != want {
			t.Errorf("Origin(%s) = %q, wanted %q", path, got, want)
		}
	}
}

func TestOverrideErrors(t *testing.T) {
	for _, tt := range [][2]string{
		{"train.lrr=1", `argument "train.lrr=1": unexpected key "lrr" in train (did you mean "lr"?)`},
		{"lr=1", `did you mean "train.lr"?`},
		{"train.lr=", `argument "train.lr=": train.lr: wanted a finite number > 0, found an empty value`},
		{"train.lr=1e39", "train.lr: wanted at most 3.4028234663852886e+38, the largest float32, found 1e39"},
		{"train.lr=1e999", "train.lr: wanted at most 3.4028234663852886e+38"},
		{"train.lr=-0", "train.lr: wanted a finite number > 0, found -0"},
		{"train.epochs=3000000000", "train.epochs: wanted at most 2147483647, found 3000000000"},
		{"train.epochs=99999999999999999999999", "train.epochs: wanted at most 2147483647"},
		{"train.seed=-0", "train.seed: wanted an integer from 0 to 18446744073709551615, found -0"},
		{`data.root="C:\temp"`, "data.root: wanted a directory, without control characters"},
		{"quant.weights.options={delta: 1e999}", "delta: wanted a finite number, found 1e999"},
		{"train.lr=.inf", "train.lr: wanted a finite number > 0, found .inf"},
		{"train.lr=1\n---\n2", "second YAML document"},
		{"train.lr=[", "not valid YAML"},
		{"train.lr=\xff", "not UTF-8"},
		{"train.lr", "wanted key.path=value"},
		{"quant.layers[\"6\xb1L\"].weights.bits=2", "not UTF-8"},
		{"=1", "empty key"},
		{"train..lr=1", "empty key"},
		{"train=1", "train: wanted a map with keys epochs"},
		{"train.lr.x=1", "train.lr: wanted a finite number > 0, found a map"},
		{"quant.layers[conv1.weights.bits=2", "wanted key.path=value"},
		{"quant.layers[conv1]x.weights.bits=2", `wanted "." or the end after "]"`},
		{`quant.layers["a[b].weights.bits=2`, `without "]`},
		{"quant.layers[conv1].weights.bits=9", `quant.layers["conv1"].weights.bits: wanted an integer from 1 to 8, or fp, found 9`},
		{"extends=quickstart", `"extends" belongs in a file`},
		{"quant.weights.estimator=pact", `quant.weights.estimator: "pact" is not possible here: it quantizes activations only; allowed: additive_noise, affine`},
		{"quant.activations.bits=fp", `quant.residual is 8 while quant.activations.bits is fp`},
	} {
		_, err := Load("resnet20_w4a4", []string{tt[0]})
		if err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%q: got %v, wanted ...%s...", tt[0], err, tt[1])
		}
	}
	_, err := Load("resnet20_w4a4", []string{"train.lr=-1", "train.batch=0", "train.batch=0"})
	if n := len(err.(ErrorList)); n != 2 {
		t.Errorf("%d errors, wanted both and the repeated one once:\n%v", n, err)
	}
}

func TestRuleGivenAgainIsLater(t *testing.T) {
	path := write(t, "extends: resnet20_w4a4\nquant: {layers: {'c*': {weights: {bits: 2}}, '*1': {weights: {bits: 3}}}}\n")
	if w, _ := mustLoad(t, path).Quant.Resolve("conv1", false, false); w.Bits != 3 {
		t.Errorf("bits %v, wanted 3 from the later rule", w.Bits)
	}
	c := mustLoad(t, path, "quant.layers[c*].weights.bits=5")
	if w, _ := c.Quant.Resolve("conv1", false, false); w.Bits != 5 || len(c.Quant.Layers) != 2 {
		t.Errorf("bits %v of %d rules, wanted 5 of 2", w.Bits, len(c.Quant.Layers))
	}
}

// A chain of files that each extend the next twice must not take 2^n reads.
func TestExtendsDiamondsAndDepth(t *testing.T) {
	dir := t.TempDir()
	for i := range maxExtends + 2 {
		text := fmt.Sprintf("extends: [%d.yaml, ./%[1]d.yaml]\n", i+1)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(filepath.Join(dir, "0.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "files deep") {
		t.Errorf("got %v, wanted an error about the depth", err)
	}
}

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		text          string
		perEpoch, all int
		want          int
	}{
		{"0ep", 100, 1000, 0}, {"5ep", 391, 3910, 1955}, {"0.5ep", 391, 3910, 196}, {"0.5ep", 5, 5, 2}, // 195.5 and 2.5: half to even
		{"2000it", 391, 3910, 2000}, {"10%", 391, 3910, 391}, {"100%", 391, 3910, 3910}, {"0.001%", 10, 10, 1}, {"10%", 391, 55, 6},
		{"1000000000ep", math.MaxInt, 1, math.MaxInt},
	} {
		d, err := ParseDuration(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := d.Steps(tt.perEpoch, tt.all); got != tt.want || d.String() != tt.text {
			t.Errorf("%s: %d steps as %q, wanted %d", tt.text, got, d, tt.want)
		}
	}
	for _, s := range []string{"", "5", "ep", "-1ep", "05ep", "1.5it", "101%", "1e3it", "5 ep", ".5ep", "1.ep", "NaNep", "2000000000it", "5epochs"} {
		if d, err := ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, wanted an error", s, d)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "_base/*.yaml", "testdata/ok/*.yaml", "testdata/err/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, "train.lr=1")
		}
	}
	f.Add([]byte("extends: resnet20_w4a4"), `quant.layers["layer[12].*"].weights.bits=2`)
	f.Add([]byte("extends: resnet20_w4a4\nname: \"\\u2028 \\U0001F600\""), "description=\"\\0\\x85: #\"")
	f.Add([]byte("extends: resnet20_w4a4"), "quant.layers[\"6\xb1L;layer[12].*\"].weights.bits=2")
	f.Fuzz(checkLoad)
}

func loadText(text []byte, overrides []string) (*Config, ErrorList) {
	l := newLoader()
	doc := l.parse(source{embedded: true, path: "fuzz.yaml"}, text)
	doc.merge(l.overrides(overrides))
	return l.build(doc, Pos{File: "fuzz.yaml", Line: 1, Column: 1}, "fuzz"), l.errs
}

// checkLoad checks that a config is refused, or is printed and read back unchanged.
func checkLoad(t *testing.T, text []byte, override string) {
	t.Helper()
	c, errs := loadText(text, []string{override})
	if len(errs) > 0 {
		_ = errs.Sorted().Error()
		return
	}
	for _, out := range [][]byte{c.YAML(), c.AnnotatedYAML()} {
		again, errs := loadText(out, nil)
		if len(errs) > 0 {
			t.Fatalf("%v\nin\n%s", errs, out)
		}
		if !reflect.DeepEqual(same(c), same(again)) {
			t.Fatalf("%+v\nis read back as\n%+v\nfrom\n%s", same(c), same(again), out)
		}
	}
	c.Quant.Resolve("layer3.0.conv1", true, false)
}

// A storm of damaged configs: each is refused or read.
func TestDamagedConfigs(t *testing.T) {
	for _, name := range []string{"resnet20_w4a4.yaml", "testdata/ok/calibration.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		mutation.Storm(t, text, func(damaged []byte) { checkLoad(t, damaged, "train.lr=1") })
	}
}
