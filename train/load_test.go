package train

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
)

// logits are those of the simulation for some test images.
func logits(t *testing.T, m *Model) (all []float32) {
	t.Helper()
	simulation, err := m.Simulation()
	if err == nil {
		err = m.Batches(context.Background(), m.Data.Test.Head(20), func(x []float32, _ []int32, n int) error {
			y, err := simulation(x, n)
			all = append(all, y...)
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A checkpoint is evaluated with the options that training ended with, and so is a run that is resumed at its end. TTQ's t
// decides which weights are 0.
func TestCheckpointKeepsScheduledOptions(t *testing.T) {
	dir, cfg := t.TempDir(), loadConfig(t, "quant.weights={estimator: ttq, bits: 2, options: {t: {kind: linear, from: 0.01, to: 0.3}}}", "quant.first_last=fp")
	var want []float32
	for _, resume := range []bool{false, true} {
		r := &run{opt: Options{Out: dir, Resume: resume, Progress: &quiet{}}, dir: dir}
		var err error
		if _, err = r.claim(context.Background(), cfg); err == nil {
			r.Model, err = Open(cfg, "", 2)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		r.Data.Test = r.Data.Test.Head(20)
		if err := r.train(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := logits(t, r.Model)
		if !resume {
			want = got
			r.Net.SetProgress(0, 0)
			if slices.Equal(logits(t, r.Model), want) {
				t.Fatal("the schedule changes nothing; this tests nothing")
			}
		} else if !slices.Equal(got, want) {
			t.Error("resumed at its end, the run has other logits")
		}
		r.lock.Release()
	}
	for _, path := range []string{dir, filepath.Join(dir, BestFile)} {
		c, err := OpenCheckpoint(path, Reading{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.Load("", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if !slices.Equal(logits(t, m), want) {
			t.Errorf("%s has other logits than the run at its end", filepath.Base(path))
		}
	}
}
