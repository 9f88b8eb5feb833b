package train

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	. "github.com/qat-go/qat/internal/npy/npytest"
)

// The profile counts the batches that training waited for, not that there are no more.
func TestWaitingIsCounted(t *testing.T) {
	m, _ := smallModel(t, "train.batch=16")
	l, err := m.loader()
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	r := &run{Model: m}
	for b, ok := r.next(it); ok; b, ok = r.next(it) {
		it.Release(b)
	}
	if r.waiting.Runs != 4 || r.waiting.Kind != "waiting for data" || r.waiting.Total <= 0 {
		t.Errorf("%+v; want 4 batches of 16", r.waiting)
	}
}

// A run that begins records its data set, even where a process was killed before its first checkpoint; one that goes on keeps the record.
func TestInventoryIsOfTheRun(t *testing.T) {
	m, _ := smallModel(t)
	r := &run{Model: m, dir: t.TempDir()}
	earlier := []byte("of a process that was killed")
	for _, resumed := range []bool{true, false, true} {
		before, _ := os.ReadFile(r.path(DataFile))
		if before == nil {
			before = earlier
			if err := os.WriteFile(r.path(DataFile), before, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.writeInventory(resumed); err != nil {
			t.Fatal(err)
		}
		if after, err := os.ReadFile(r.path(DataFile)); err != nil || bytes.Equal(before, after) != resumed {
			t.Errorf("resumed %v: the record is %q, was %q; %v", resumed, after, before, err)
		}
	}
	if changes := r.dataChanges(); len(changes) > 0 {
		t.Errorf("changes %q", changes)
	}
}

// Bench and the pace of a table count all batches of a step.
func TestImagesPerSecond(t *testing.T) {
	m, _ := smallModel(t, "train.batch=4", "train.accumulate=3")
	if got := m.imagesPerSecond([]float64{1, 2, 9}); got != 6 {
		t.Errorf("%v images/s of steps of 12 images in 2 s", got)
	}
}

// How many examples arrays have is known once they are read: a step that is longer than an epoch is refused then, also by a table,
// which resumes what it begins.
func TestArraysAreEnough(t *testing.T) {
	dir := Save(t, "", map[string][]byte{
		"x_train": Array(make([]uint8, 10*8*8), 10, 8, 8), "y_train": Array([]uint8{0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, 10),
		"x_test": Array(make([]uint8, 2*8*8), 2, 8, 8), "y_test": Array([]uint8{0, 1}, 2),
	})
	const long = "train.accumulate: a step takes 3 batches of 4 images, more than the 10 training images"
	for train, what := range map[string]string{
		"{epochs: 1, batch: 4, accumulate: 3}": long,
		"{steps: 2, batch: 4, accumulate: 3}":  long,
		"{epochs: 1, batch: 11}":               "train.batch: wanted at most the 10 training images of arrays, found 11",
	} {
		cfg, err := configs.Parse("own.yaml", fmt.Appendf(nil, `data: {dataset: arrays, root: %q, augment: {crop: 0, flip: false}, mean: 0.5, std: 0.25}
model: {network: {nodes: [{conv: {out: 4, kernel: 3}}, batch_norm, relu, global_average_pool, {linear: {out: classes}}]}}
train: %s
quant: {weights: {bits: 4}, activations: {bits: 4}}
export: {formats: []}
`, dir, train))
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = Resolve(cfg, ""); err != nil {
			t.Fatal(err)
		}
		for _, resume := range []bool{false, true} {
			_, err := Run(t.Context(), cfg, Options{Out: filepath.Join(t.TempDir(), "run"), Resume: resume, Threads: 1, Progress: &quiet{}})
			if err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("resume %v: error %v, want one with %q", resume, err, what)
			}
		}
	}
}
