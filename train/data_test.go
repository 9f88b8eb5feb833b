package train

import (
	"bytes"
	"os"
	"testing"
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
