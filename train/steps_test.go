package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
)

// shortEpochs is training on 64 images in epochs of 8 steps.
var shortEpochs = []string{"model.network=testdata/small.yaml", "model.init=random", "data.dataset=random",
	"data.random={height: 8, width: 8, classes: 2, images: 64, test_images: 8}", "train.max_steps=0", "train.checkpoint_every=1ep"}

// A run of train.steps ends there, and so does its schedule; it is evaluated after each epoch and at the end. An interrupted
// one goes on to the same bits, also where the interrupt came with the last step of an epoch.
func TestStepsInPlaceOfEpochs(t *testing.T) {
	overrides := append(slices.Clone(shortEpochs), "train.steps=20", "train.lr=0.1", "train.schedule={kind: cosine, warmup: 10%}")
	whole := t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: whole, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	var evaluated []string
	for _, l := range metricsOf(t, whole) {
		switch {
		case l["kind"] == "epoch":
			evaluated = append(evaluated, fmt.Sprint(l["step"], " ", l["epoch"]))
		case l["step"] == 1.0 && l["lr"] != 0.05, l["step"] == 2.0 && l["lr"] != 0.1, l["step"] == 12.0 && math.Abs(l["lr"].(float64)-0.05*(1+math.Cos(math.Pi/2))) > 1e-12:
			t.Errorf("step %v at the rate %v", l["step"], l["lr"])
		}
	}
	if want := []string{"8 1", "16 2", "20 3"}; !slices.Equal(evaluated, want) {
		t.Errorf("evaluated after steps and epochs %q, want %q", evaluated, want)
	}
	for _, stop := range []int{8, 13} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		err := trainOnly(ctx, loadConfig(t, overrides...), Options{Out: dir, Progress: &quiet{after: func(step int) {
			if step == stop {
				cancel()
			}
		}}})
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		p := &quiet{}
		if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: dir, Resume: true, Progress: p}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, dir), tensors(t, whole)) || len(metricsOf(t, dir)) != len(metricsOf(t, whole)) {
			t.Errorf("interrupted after step %d, the run ends otherwise than whole", stop)
		}
	}
	cut := append(slices.Clone(overrides), "train.max_steps=12")
	dir := t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, cut...), Options{Out: dir, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	a, b := metricsOf(t, whole), metricsOf(t, dir)
	if n := len(b); n != 14 || b[n-1]["kind"] != "epoch" || b[n-2]["step"] != 12.0 {
		t.Fatalf("max_steps 12 of 20: %v", b)
	}
	for i, l := range b[:12] {
		if l["lr"] != a[i]["lr"] || l["loss"] != a[i]["loss"] {
			t.Errorf("cut short, step %v has the rate %v and loss %v, want %v and %v", l["step"], l["lr"], l["loss"], a[i]["lr"], a[i]["loss"])
		}
	}
}

// Steps are counted as epochs are, wherever a config or a checkpoint is looked at.
func TestStepsAreChecked(t *testing.T) {
	for overrides, want := range map[string]string{
		"train.schedule.warmup=21it":   "train.schedule.warmup: 21it, step 21, lies beyond the run of 20 steps, 8 in an epoch",
		"train.schedule.warmup=3ep":    "train.schedule.warmup: 3ep, step 24, lies beyond the run of 20 steps, 8 in an epoch",
		"train.batch_norm_freeze=100%": "train.batch_norm_freeze: 100%, step 20, lies beyond",
		"train.schedule.warmup=100%":   "",
		"train.batch_norm_freeze=19it": "",
	} {
		cfg := loadConfig(t, append(slices.Clone(shortEpochs), "train.steps=20", overrides)...)
		if err := Check(cfg, ""); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", overrides, err, want)
		}
	}
	cfg := &configs.Config{Train: configs.Train{Steps: 20, Batch: 8}}
	for st, fits := range map[string]bool{"20 20 3": true, "20 21 3": false, "20 20 20": true} {
		var s state
		fmt.Sscan(st, &s.Step, &s.Total, &s.BestEpoch)
		if (s.fits(cfg) == nil) != fits {
			t.Errorf("step, total and best epoch %s: %v", st, s.fits(cfg))
		}
	}
	debug.FreeOSMemory() // of other tests, which estimates count as the process's
	with, err := Memory(loadConfig(t, "train.steps=5"), 100, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	if want, _ := Memory(loadConfig(t, "train.epochs=5"), 100, 1, false); with < want-8<<20 || with > want+8<<20 { // what the process holds already moves
		t.Errorf("steps need %d bytes, epochs %d", with, want)
	}
}
