package configs

import (
	"errors"
	"strings"
	"testing"
)

const rulesYAML = `
train: {epochs: 1}
quant:
  weights: {bits: 4}
  activations: {bits: 4}
  layers:
    "layer3.*|linear": {weights: {bits: 2, granularity: per_channel}}
    "layer3.0.conv1": {weights: {bits: 5}}
    "layer*.conv*": {weights: {bits: 3}}
    "*": {activations: {bits: 6}}
    "*.conv1": {activations: {bits: 7}}
    "?????1.*": {activations: {bits: 8}}
`

func TestResolve(t *testing.T) {
	q := &mustLoad(t, write(t, rulesYAML)).Quant
	for _, tt := range []struct {
		name                 string
		first, last          bool
		weights, activations Bits
		granularity          Granularity
	}{
		{"conv1", true, false, 8, 6, PerTensor},                  // a rule wins over first_last
		{"linear", false, true, 2, 6, PerChannel},                // exact alternative
		{"layer3.0.conv1", false, false, 5, 7, PerChannel},       // exact name, then what it leaves open
		{"layer3.0.conv2", false, false, 3, 6, PerChannel},       // layer*.conv* has more literals than layer3.*
		{"layer1.0.conv1", false, false, 3, 7, PerTensor},        // *.conv1 has more literals than ?????1.*
		{"layer1.0.shortcut", false, false, 4, 8, PerTensor},     // ?????1.* beats *
		{"layer2.0.shortcut", false, false, 4, 6, PerTensor},     // only *
		{"layer3.0.shortcut.bn", false, false, 2, 6, PerChannel}, // * crosses dots
	} {
		w, a := q.Resolve(tt.name, tt.first, tt.last)
		if w.Bits != tt.weights || a.Bits != tt.activations || w.Granularity != tt.granularity {
			t.Errorf("%s: %v %v %v, wanted %v %v %v", tt.name, w.Bits, a.Bits, w.Granularity, tt.weights, tt.activations, tt.granularity)
		}
	}
}

func TestFirstLast(t *testing.T) {
	for _, tt := range []struct {
		weights, activations, firstLast string
		wantWeights, wantActivations    Bits
	}{
		{"4", "4", "8", 8, 8},
		{"4", "4", "same", 4, 4},
		{"4", "4", "fp", FP, FP},
		{"4", "fp", "8", 8, FP}, // what is fp stays fp
		{"fp", "fp", "same", FP, FP},
		{"fp", "fp", "fp", FP, FP},
	} {
		residual := "8"
		if tt.activations == "fp" {
			residual = "fp"
		}
		c := mustLoad(t, "resnet20_w8a8", "quant.weights.bits="+tt.weights, "quant.activations.bits="+tt.activations,
			"quant.first_last="+tt.firstLast, "quant.residual="+residual)
		w, a := c.Quant.Resolve("conv1", true, false)
		if w.Bits != tt.wantWeights || a.Bits != tt.wantActivations {
			t.Errorf("%+v: got %v %v", tt, w.Bits, a.Bits)
		}
	}
}

// A glob that matches no layer is reported with all other mistakes.
func TestUnmatchedRules(t *testing.T) {
	_, err := Load("resnet20_w4a4", []string{"quant.layers[layer3.*|lineer].weights.bits=8", "quant.layers[fc*].weights.bits=8", "train.lr=0"})
	var errs ErrorList
	if !errors.As(err, &errs) || len(errs) != 3 {
		t.Fatalf("%d errors, wanted 3: %v", len(errs), err)
	}
	for i, want := range []string{
		`argument "quant.layers[fc*].weights.bits=8": quant.layers: "fc*" matches no layer; layers: conv1, layer1.0.conv1`,
		`argument "quant.layers[layer3.*|lineer].weights.bits=8": quant.layers: "lineer" matches no layer (did you mean "linear"?)`,
		`argument "train.lr=0": train.lr: `,
	} {
		if !strings.HasPrefix(errs[i].Error(), want) {
			t.Errorf("got %v, wanted %s...", errs[i], want)
		}
	}
}

// Each rule is possible alone; together they ask for 1 bit with LSQ.
func TestRulesImpossibleTogether(t *testing.T) {
	_, err := Load("resnet20_w4a4", []string{
		"quant.layers[layer3.*].activations={estimator: affine, calibration: min_max, bits: 1}",
		"quant.layers[layer3.0.conv1].activations.estimator=lsq"})
	if err == nil || !strings.Contains(err.Error(), "layer layer3.0.conv1, by all its rules together: activations: bits: 1") {
		t.Errorf("got %v", err)
	}
}

// A rule has a pattern that a key of YAML can be, so that the resolved config is read again, in stages too; alternatives have room
// in several.
func TestLongPatterns(t *testing.T) {
	const name = "|layer1.0.conv1"
	longest := "linear" + strings.Repeat(name, (MaxPattern-8)/len(name))
	for _, overrides := range [][]string{{"quant.layers[" + longest + "].weights.bits=4"}, {`quant.schedule=[{for: 50%, layers: {"` + longest + `": {weights: {bits: 4}}}}, {}]`}} {
		c := mustLoad(t, "quickstart", overrides...)
		if _, err := Parse("again.yaml", c.YAML()); err != nil {
			t.Error(err)
		}
	}
	want := "characters with its quotes; wanted at most 1000, which a key of YAML may have: give several rules"
	for _, rule := range []string{longest + name, strings.Repeat(`\\*`, 500)} {
		if _, err := Load("quickstart", []string{"quant.layers[" + rule + "].weights.bits=4"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		glob, name string
		want       bool
	}{
		{"conv1", "conv1", true}, {"conv1", "conv10", false}, {"conv?", "conv1", true}, {"layer[12].*", "layer2.0.conv1", true},
		{"layer[12].*", "layer3.0.conv1", false}, {"a|b", "b", true}, {"a|b", "a|b", false}, {"*.conv1", "conv1", false},
	} {
		g, err := ParseGlob(tt.glob)
		if err != nil || g.Match(tt.name) != tt.want {
			t.Errorf("%s on %s: %v, %v, wanted %v", tt.glob, tt.name, g.Match(tt.name), err, tt.want)
		}
	}
}

// The first and the last layer are quantized by LSQ where the estimator has not the bits that they ask for.
func TestFirstLastOfNarrowMethods(t *testing.T) {
	c := mustLoad(t, "resnet20_w4a4", "quant.weights.estimator=twn", "quant.weights.bits=2")
	for _, first := range []bool{true, false} {
		w, _ := c.Quant.Resolve("conv1", first, false)
		if want := map[bool]Estimator{true: LSQ, false: "twn"}[first]; w.Estimator != want {
			t.Errorf("first %v: %v at %v bits, want %v", first, w.Estimator, w.Bits, want)
		}
	}
	// A gradient and options are the method's that gave way.
	c = mustLoad(t, "resnet20_w4a4", "quant.weights={estimator: apot, bits: 4, ste: identity, options: {clip: 3}}")
	if w, _ := c.Quant.Resolve("conv1", true, false); w.Estimator != LSQ || w.STE != STEAuto || w.Options != nil || w.Bits != 8 {
		t.Errorf("conv1 has %v with ste %v, options %v and %v bits; want lsq with its own and 8", w.Estimator, w.STE, w.Options, w.Bits)
	}
	if w, _ := c.Quant.Resolve("layer1.0.conv1", false, false); w.Estimator != "apot" || w.STE != "identity" || w.Options == nil {
		t.Errorf("layer1.0.conv1 has %v with ste %v and options %v", w.Estimator, w.STE, w.Options)
	}
	if w, _ := mustLoad(t, "resnet20_w4a4", "quant.weights.estimator=sawb").Quant.Resolve("conv1", true, false); w.Estimator != "sawb" {
		t.Errorf("sawb has 8 bits, but gives way to %v", w.Estimator)
	}
}

// A bit with both signs has the levels -1 and 0 only, of methods that say so.
func TestOneBitOfBothSigns(t *testing.T) {
	for override, refused := range map[string]bool{
		"quant.activations={estimator: affine, bits: 1, signed: true}": true,
		"quant.activations={estimator: affine, bits: 1}":               false, // it has a zero point
		"quant.activations={estimator: lsq, bits: 1}":                  true,
		"quant.activations={estimator: lsq, bits: 1, signed: false}":   false,
		"quant.weights={estimator: affine, bits: 1}":                   true,
	} {
		_, err := Load("resnet20_w4a4", []string{override})
		if got := err != nil && strings.Contains(err.Error(), "the only signed levels are -1 and 0"); got != refused || got != (err != nil) {
			t.Errorf("%s: %v, refused: %t", override, err, refused)
		}
	}
}

// The bits that are measured are those of all layers, whatever rules and first_last say of bits; what else they say stays, and
// levels are those of the least squared error where the config leaves that open and the method lets it.
func TestAtBits(t *testing.T) {
	cfg, err := Parse("x.yaml", []byte(`
model: {arch: resnet20}
data: {dataset: cifar10}
train: {epochs: 1, batch: 8, lr: 0.1}
quant:
  weights: {bits: 1, estimator: bwn}
  activations: {bits: 4, estimator: lsq, calibration: percentile}
  first_last: 8
  layers:
    "layer1.*": {weights: {bits: 4, estimator: apot}, activations: {bits: fp}}
    linear: {activations: {estimator: affine, calibration: auto}}
`))
	if err != nil {
		t.Fatal(err)
	}
	names := cfg.LayerNames()
	q, err := cfg.Quant.AtBits(3, names)
	if err != nil {
		t.Fatal(err)
	}
	if q.Residual != FP || len(q.Layers) != len(names) {
		t.Errorf("residual %v and %d rules, want fp and %d", q.Residual, len(q.Layers), len(names))
	}
	for i, name := range names {
		w, a := q.Resolve(name, i == 0, i == len(names)-1)
		wantW, wantA := LSQ, LSQ
		calibrationW, calibrationA := Calibration("mse"), Calibration("percentile")
		if strings.HasPrefix(name, "layer1.") {
			wantW, calibrationW = "apot", CalibrateAuto
		}
		if name == "linear" {
			wantA, calibrationA = Affine, "mse"
		}
		if w.Bits != 3 || a.Bits != 3 || w.Estimator != wantW || a.Estimator != wantA || w.Calibration != calibrationW || a.Calibration != calibrationA {
			t.Errorf("%s: %d-bit %s from %s and %d-bit %s from %s; want 3-bit %s from %s and 3-bit %s from %s", name,
				w.Bits, w.Estimator, w.Calibration, a.Bits, a.Estimator, a.Calibration, wantW, calibrationW, wantA, calibrationA)
		}
	}
	if cfg.Quant.Weights.Bits != 1 || len(cfg.Quant.Layers) != 2 {
		t.Error("the config has changed")
	}
	if _, err := cfg.Quant.AtBits(1, names); err == nil || !strings.Contains(err.Error(), "activations of conv1: bits: 1 with estimator lsq") {
		t.Errorf("1 bit: %v", err)
	}
}
