package configs

import (
	"strings"
	"testing"
)

// A method of the whole tensor has no levels for each channel.
func TestGranularityThatNoMethodHas(t *testing.T) {
	for _, name := range []string{"inq", "kmeans"} {
		_, err := Load("resnet20_w4a4", []string{"quant.weights={estimator: " + name + ", granularity: per_channel}"})
		if err == nil || !strings.Contains(err.Error(), "granularity: per_channel with estimator "+name+", whose levels are those of the whole tensor; set granularity: per_tensor") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A schedule moves numbers; what is learned, and which codes there are, is fixed when training starts.
func TestScheduleThatNoGraphFollows(t *testing.T) {
	for _, tt := range []struct{ config, override, want string }{
		{"resnet20_dsq_w2a2", "learn_alpha: {kind: steps, from: 0, steps: {40%: 1}}", "the parameters of estimator dsq cannot change in training, but do at 40% by the schedule of learn_alpha"},
		{"resnet20_pot_w4", "fixed: 1, emin: {kind: linear, from: -6, to: -3}", "the codes of estimator pot cannot change in training, but do at 25% by the schedule of emin"},
		{"resnet20_pot_w4", "fixed: {kind: steps, from: 0, steps: {10%: 1, 20%: 0}}", "the codes of estimator pot cannot change in training, but do at 10% by the schedule of fixed"},
		{"resnet20_pot_w4", "fixed: 1, emin: {kind: steps, from: -6, steps: {40%: -5}}, emax: {kind: steps, from: 0, steps: {40%: 1}}", ""},
		{"resnet20_ttq", "t: {kind: linear, from: 0.05, to: 0.1}", ""},
		{"resnet20_inq_w5", "share: {kind: steps, from: 0.5, steps: {30%: 0.75, 100%: 1}}", ""},
	} {
		_, err := Load(tt.config, []string{"quant.weights.options={" + tt.override + "}"})
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s with %s: %v", tt.config, tt.override, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s with %s: %v, wanted %q", tt.config, tt.override, err, tt.want)
		}
	}
}
