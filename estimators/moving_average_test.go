package estimators_test

import (
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestMovingAverage(t *testing.T) {
	spec := signed8
	spec.Options = estimators.Options{"momentum": 0.75}
	batches := [][]float32{{-1, 8}, {-5, 0}, {3, 4}}
	lo, hi := calibrate(t, observer(t, "moving_average", spec), 1, batches...)
	// -1, then -1 + (-5+1)/4 = -2, then -2 + (3+2)/4; 8, then 6, then 5.5
	if lo[0] != -0.75 || hi[0] != 5.5 {
		t.Errorf("[%v, %v], want [-0.75, 5.5]", lo[0], hi[0])
	}
	spec.Symmetric = true
	if lo, hi = calibrate(t, observer(t, "moving_average", spec), 1, batches...); lo[0] != -5.5 || hi[0] != 5.5 {
		t.Errorf("symmetric: [%v, %v], want [-5.5, 5.5]", lo[0], hi[0])
	}
	// 1 - 0.99 of the way, as PyTorch's averaging_constant.
	lo, hi = calibrate(t, observer(t, "moving_average", signed8), 1, []float32{0, 1}, []float32{0, 2})
	if lo[0] != 0 || hi[0] != 1.01 {
		t.Errorf("by default: [%v, %v], want [0, 1.01]", lo[0], hi[0])
	}
}
