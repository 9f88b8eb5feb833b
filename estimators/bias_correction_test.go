package estimators_test

import (
	"math"
	"testing"

	"github.com/qat-go/qat/estimators"
)

func TestBiasCorrection(t *testing.T) {
	b, err := estimators.NewBiasCorrection(2)
	if err != nil {
		t.Fatal(err)
	}
	bias := []float32{10, 20}
	if b.Correct(bias) == nil {
		t.Error("a correction of nothing: no error")
	}
	for _, batch := range [][2][]float32{{{1, 2, 3, 4}, {0, 2, 1, 5}}, {{1, 1}, {1, 3}}} {
		if err := b.Observe(batch[0], batch[1]); err != nil {
			t.Fatal(err)
		}
	}
	// Channel 0: ((1-0) + (3-1) + (1-1))/3; channel 1: ((2-2) + (4-5) + (1-3))/3.
	if err := b.Correct(bias); err != nil || bias[0] != 11 || bias[1] != 19 {
		t.Errorf("bias %v, %v; want [11 19]", bias, err)
	}
	nan := float32(math.NaN())
	for name, bad := range map[string][2][]float32{
		"NaN": {{1, nan}, {1, 1}}, "quantized NaN": {{1, 1}, {nan, 1}},
		"lengths": {{1, 1}, {1, 1, 1, 1}}, "channels": {{1}, {1}},
	} {
		if b.Observe(bad[0], bad[1]) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if b.Correct(bias[:1]) == nil {
		t.Error("a bias of 1 element for 2 channels: no error")
	}
	if _, err := estimators.NewBiasCorrection(0); err == nil {
		t.Error("0 channels: no error")
	}
}
