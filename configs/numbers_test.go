package configs

import (
	"math"
	"testing"
)

// -0 is the 0 that it equals, so that one config has one text and one value.
func TestZeroHasNoSign(t *testing.T) {
	for _, zero := range []string{"-0", "-0.0", "-0e3"} {
		c := mustLoad(t, "resnet20_w4a4", "train.optimizer.momentum="+zero)
		if v := c.Train.Optimizer.Momentum; v != 0 || math.Signbit(v) {
			t.Errorf("%s is read as %g", zero, v)
		}
		if got, want := string(c.YAML()), string(mustLoad(t, "resnet20_w4a4", "train.optimizer.momentum=0").YAML()); got != want {
			t.Errorf("%s gives another text than 0", zero)
		}
	}
}
