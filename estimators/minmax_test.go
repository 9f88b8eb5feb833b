package estimators_test

import "testing"

func TestMinMaxObserver(t *testing.T) {
	batches := [][]float32{{1, -1, 2, 5}, {-3, 4, 0, 0}}
	lo, hi := calibrate(t, observer(t, "min_max", signed8), 1, batches...)
	if lo[0] != -3 || hi[0] != 5 {
		t.Errorf("[%v, %v], want [-3, 5]", lo[0], hi[0])
	}
	spec := signed8
	spec.Scales, spec.Symmetric = 2, true
	lo, hi = calibrate(t, observer(t, "min_max", spec), 2, batches...)
	if lo[0] != -3 || hi[0] != 3 || lo[1] != -5 || hi[1] != 5 {
		t.Errorf("symmetric: %v, %v; want [-3 -5], [3 5]", lo, hi)
	}
}
