package train

import "testing"

// The curve says how the learning rate goes.
func TestRates(t *testing.T) {
	for _, c := range []struct{ over, want string }{
		{"train.schedule.kind=constant", "0.01 in step 1, 0.01 in step 30; an epoch has 3 steps"},
		{"train.schedule.warmup=2ep", "0.00167 in step 1, 0.01 in step 7, 0.00854 in step 13, 0.005 in step 19, 0.00146 in step 25, 4.28e-05 in step 30; an epoch has 3 steps"},
		{"train.schedule={kind: step, milestones: [5ep, 9ep]}", "0.01 in step 1, 0.001 in step 16, 0.0001 in step 28, 0.0001 in step 30; an epoch has 3 steps"},
		{"train.max_steps=7", "0.01 in step 1, 0.00905 in step 7; an epoch has 3 steps"},
	} {
		r, err := LearningRates(extendingConfig(t, "train.epochs=10", c.over), "")
		if err != nil || r.String() != c.want {
			t.Errorf("%s: %v (%v), want %s", c.over, r, err, c.want)
		}
	}
	rest := extendingConfig(t, "train.steps=4", "train.schedule.kind=constant").Train // after step 6 of 10
	if r := rates(&rest, 6, 10, 3); r.String() != "0.01 in step 7, 0.01 in step 10; an epoch has 3 steps" {
		t.Errorf("an extension: %v", r)
	}
	if r, err := LearningRates(extendingConfig(t, "train.epochs=0"), ""); r != nil || err != nil {
		t.Errorf("%v (%v) of a run that trains nothing", r, err)
	}
}
