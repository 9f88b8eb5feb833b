package train

import (
	"context"
	"testing"
)

// Calibrations and what follows them tell how far they are, from the first pass to the last.
func TestCalibrationTells(t *testing.T) {
	m, err := Open(loadConfig(t, "train.batch=2", "train.epochs=0", "quant.activations.calibration_batches=3",
		"quant.layers[linear].activations.calibration_batches=1", "quant.bias_correction=true",
		"quant.batch_norm_reestimation=4"), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.initial(); err != nil {
		t.Fatal(err)
	}
	heard := map[string][]Work{}
	ctx := Watch(context.Background(), func(w Work) { heard[w.Doing] = append(heard[w.Doing], w) })
	quantizers := 0 // of activations
	for _, q := range m.Net.Quantizers {
		if !q.Calibrated() {
			quantizers++
		}
	}
	quantizers -= len(m.Net.LayerNames()) // of weights
	if err := m.calibrate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.correct(ctx); err != nil {
		t.Fatal(err)
	}
	for doing, total := range map[string]int{"calibrating": 3*quantizers - 2, "re-estimating batch norm": 4, "correcting biases": 3 * (1 + len(m.Net.LayerNames()))} {
		for i, w := range heard[doing] {
			if w.Done != i+1 || w.Total != total {
				t.Errorf("%s: %d of %d after %d passes of %d", doing, w.Done, w.Total, i+1, total)
			}
		}
		if n := len(heard[doing]); n != total {
			t.Errorf("%s: heard %d times, want %d", doing, n, total)
		}
	}
}
