package layers

import "testing"

// What follows a schedule is in an average as in the network that it follows.
func TestFollowTakesTheProgress(t *testing.T) {
	const share = "quant.weights={estimator: inq, bits: 5, options: {share: {kind: linear, from: 0, to: 1}}}"
	m := calibrated(t, "resnet20_w4a4", share)
	n := calibrated(t, "resnet20_w4a4", share)
	m.SetProgress(3, 0.75)
	m.layer("linear").input.ZeroPoint.Data()[0] = 7 // what has no average is copied
	if err := n.Follow(m); err != nil {
		t.Fatal(err)
	}
	if z := n.layer("linear").input.ZeroPoint.Data()[0]; z != 7 {
		t.Errorf("the average has the zero point %v, the network 7", z)
	}
	if *n.clock != *m.clock {
		t.Errorf("the average is at %+v, the network at %+v", *n.clock, *m.clock)
	}
	if n.clock.step != 3 || n.clock.progress != 0.75 {
		t.Errorf("the average is at %+v, want step 3 and 0.75", *n.clock)
	}
}
