package configs

import (
	"reflect"
	"strings"
	"testing"
)

// Epochs and steps stand in place of each other: the later file or argument has its way, and YAML says the one that counts.
func TestStepsReplaceEpochs(t *testing.T) {
	base := write(t, "extends: quickstart\ntrain: {steps: 100}\n")
	for _, tt := range []struct {
		overrides     []string
		epochs, steps int
	}{
		{nil, 0, 100},
		{[]string{"train.epochs=3"}, 3, 0},
		{[]string{"train.epochs=0"}, 0, 0},
		{[]string{"train.steps=7", "train.steps=8"}, 0, 8},
	} {
		c := mustLoad(t, base, tt.overrides...)
		if c.Train.Epochs != tt.epochs || c.Train.Steps != tt.steps || c.Train.Trains() != (tt.epochs+tt.steps > 0) {
			t.Errorf("%q: %d epochs and %d steps, wanted %d and %d", tt.overrides, c.Train.Epochs, c.Train.Steps, tt.epochs, tt.steps)
		}
		if want := max(tt.steps, 10*tt.epochs); c.Train.Total(10) != want {
			t.Errorf("%q: %d steps in all, wanted %d", tt.overrides, c.Train.Total(10), want)
		}
		yaml := string(c.YAML())
		if strings.Contains(yaml, "\n  epochs: ") != (tt.steps == 0) || strings.Contains(yaml, "\n  steps: ") != (tt.steps > 0) {
			t.Errorf("%q: written as\n%s", tt.overrides, yaml)
		}
		again, err := Parse("again.yaml", []byte(yaml))
		if err != nil || !reflect.DeepEqual(again.Train, c.Train) {
			t.Errorf("%q: read back as %+v (%v), wanted %+v", tt.overrides, again, err, c.Train)
		}
	}
	_, err := Load("quickstart", []string{"train.steps=5", "train.epochs=2"})
	if want := `argument "train.steps=5": train.steps stands in place of train.epochs, which is given too; remove one of them`; err == nil || err.Error() != want {
		t.Errorf("error %v, wanted %s", err, want)
	}
	if c := mustLoad(t, base, "train.batch_norm_freeze=10%"); c.Train.BatchNormFreeze.Steps(8, c.Train.Total(8)) != 10 {
		t.Error("10 % of 100 steps are not 10")
	}
	if _, err := Load(base, []string{"quant.bias_correction=true"}); err == nil || !strings.Contains(err.Error(), "with train.steps: 100: training finds") {
		t.Errorf("error %v", err)
	}
}
