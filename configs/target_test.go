package configs

import (
	"slices"
	"strings"
	"testing"
)

// Amounts are read with their units, and printed as they are read again.
func TestAmounts(t *testing.T) {
	for text, want := range map[string]Amount{
		"none": 0, "0.10MB": 100000, "98KiB": 100352, "98.5 KiB": 100864, "1MiB": 1 << 20, "123457B": 123457, "2GB": 2e9, "1": -1, "0MB": -1, "-1MB": -1, "1mb": -1, "1e3B": -1, "MB": -1, "9999999GB": -1,
	} {
		c, err := Load("resnet20_w4a4", []string{"quant.weights.estimator=fracbits", "quant.target.bitops=1G", "quant.target.size=" + text})
		if want < 0 {
			if err == nil {
				t.Errorf("%s is %d bytes", text, c.Quant.Target.Size)
			}
			continue
		}
		if err != nil || c.Quant.Target.Size != want {
			t.Errorf("%s: %+v, wanted %d (%v)", text, c, want, err)
			continue
		}
		again, err := Parse("c.yaml", c.YAML())
		if err != nil || again.Quant.Target != c.Quant.Target {
			t.Errorf("%s is printed as what is read as %+v (%v)", text, again, err)
		}
	}
	for text, want := range map[string]Amount{"1.2G": 12e8, "300M": 3e8, "5": 5, "0.7k": 700, "1.5T": 15e11, "1234567891": 1234567891} {
		c, err := Load("resnet20_w4a4", []string{"quant.weights.estimator=fracbits", "quant.target.bitops=" + text})
		if err != nil || c.Quant.Target.BitOps != want {
			t.Errorf("%s: wanted %d (%v)", text, want, err)
		}
	}
}

// A config with the bits that training learned is one that can be read, in which nothing is left to learn.
func TestWithBits(t *testing.T) {
	c, err := Load("resnet20_w4a4", []string{
		"quant.weights={estimator: fracbits, bits: 4}", "quant.target={size: 0.1MB, lambda: 2}", "quant.layers[layer1.*].activations.estimator=fracbits",
		"quant.layers[layer1.0.conv1].weights.granularity=per_channel", "quant.layers[layer3.2.conv2].weights.estimator=lsq",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.WithBits(nil); got != c {
		t.Error("without learned bits, the config changes")
	}
	before := string(c.YAML())
	given := c.WithBits([]LayerBits{{"layer1.0.conv1", 3, 5}, {"layer2.0.conv1", 2, 0}})
	if string(c.YAML()) != before {
		t.Error("the config itself has changed")
	}
	again, err := Parse("c.yaml", given.YAML())
	if err != nil {
		t.Fatal(err)
	}
	for layer, want := range map[string][2]Bits{"layer1.0.conv1": {3, 5}, "layer2.0.conv1": {2, 4}, "layer1.0.conv2": {4, 4}, "layer3.2.conv2": {4, 4}} {
		w, a := again.Quant.Resolve(layer, false, false)
		if got := [2]Bits{w.Bits, a.Bits}; got != want || w.Estimator != LSQ || a.Estimator != LSQ || w.LearnsBits() {
			t.Errorf("%s has %v bits of %s and %s, wanted %v of lsq", layer, got, w.Estimator, a.Estimator, want)
		}
		if per := w.Granularity == PerChannel; per != (layer == "layer1.0.conv1") {
			t.Errorf("%s has the granularity %s", layer, w.Granularity)
		}
	}
	if again.Quant.Target != usualTarget {
		t.Errorf("the target is left: %+v", again.Quant.Target)
	}
	odd := c.WithBits([]LayerBits{{`conv[1]*\?`, 3, 0}})
	if w, _ := odd.Quant.Resolve(`conv[1]*\?`, false, false); w.Bits != 3 {
		t.Errorf("a name like a glob has %v bits", w.Bits)
	}
}

// The ends of the network have the bits that first_last says, unless they are to be learned.
func TestEndsLearnNoBits(t *testing.T) {
	for _, overrides := range [][]string{nil, {"quant.first_last=same"}} {
		c := mustLoad(t, "resnet20_w4a4", slices.Concat(overrides, []string{"quant.weights.estimator=fracbits", "quant.target.size=0.1MB"})...)
		w, _ := c.Quant.Resolve("conv1", true, false)
		if learns := len(overrides) > 0; w.LearnsBits() != learns {
			t.Errorf("%v: the first layer has %v bits of %s", overrides, w.Bits, w.Estimator)
		}
	}
}

func TestTargetRules(t *testing.T) {
	for _, tt := range []struct {
		wanted    string // in the error
		overrides []string
	}{
		{"quant.target has no effect on estimators whose bits are given; set quant.weights.estimator, or that of activations, to one that learns them: ", []string{"quant.target.size=0.1MB"}},
		{"estimator fracbits learns bit widths for a target; set quant.target.size", []string{"quant.weights.estimator=fracbits"}},
		{"estimator fracbits learns bit widths for a target", []string{"quant.layers[linear].activations.estimator=fracbits"}},
		{"quant.target has no effect without a cost", []string{"quant.target.lambda=3"}},
		{"learns bit widths in training, and train.epochs is 0", []string{"quant.weights.estimator=fracbits", "quant.target.size=0.1MB", "train.epochs=0"}},
		{"wanted less than 100%", []string{"quant.weights.estimator=fracbits", "quant.target.size=0.1MB", "quant.target.freeze=100%"}},
		{"bits: 1 with estimator fracbits; it has 2 to 8", []string{"quant.weights={estimator: fracbits, bits: 1}", "quant.target.size=0.1MB"}},
		{"", []string{"quant.weights.estimator=fracbits", "quant.target.size=0.1MB"}},
	} {
		if _, err := Load("resnet20_w4a4", tt.overrides); (err == nil) != (tt.wanted == "") || err != nil && !strings.Contains(err.Error(), tt.wanted) {
			t.Errorf("%v: %v, wanted %q", tt.overrides, err, tt.wanted)
		}
	}
}

// Stages have no bit widths to learn.
func TestStagesLearnNoBits(t *testing.T) {
	_, err := Load("resnet20_w8_to_w2", []string{"quant.weights.estimator=fracbits", "quant.target.size=0.1MB"})
	if err == nil || !strings.Contains(err.Error(), "stage 1: estimator fracbits learns bit widths, which takes a run without stages; remove quant.schedule") {
		t.Error(err)
	}
}
