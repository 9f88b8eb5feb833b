package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/layers"
)

// tensorsOf returns the bytes of each tensor of a checkpoint.
func tensorsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	f, _, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, x := range f.Tensors {
		all[x.Name] = string(x.Data)
	}
	return all
}

// Post-training quantization gives the same bits on any number of threads, and when it is resumed: biases are corrected
// once. What is on shows in what it moves.
func TestPostTrainingQuantization(t *testing.T) {
	ctx := context.Background()
	run := func(dir string, opt Options, overrides ...string) string {
		t.Helper()
		cfg := loadConfig(t, append([]string{"train.epochs=0", "train.max_steps=0", "quant.activations.calibration=min_max", "quant.weights.calibration=mse"}, overrides...)...)
		opt.Out, opt.Progress = dir, &quiet{}
		if err := trainOnly(ctx, cfg, opt); err != nil {
			t.Fatal(err)
		}
		return string(tensors(t, dir))
	}
	both := []string{"quant.bias_correction=true", "quant.batch_norm_reestimation=2", "quant.layers[linear].activations.calibration_batches=2"}
	dir, plain := t.TempDir(), t.TempDir()
	want := run(dir, Options{Threads: 2}, both...)
	for _, threads := range []int{1, 3} {
		if run(t.TempDir(), Options{Threads: threads}, both...) != want {
			t.Errorf("%d threads give other bits", threads)
		}
	}
	if run(dir, Options{Resume: true}, both...) != want {
		t.Error("resuming changes bits")
	}
	run(plain, Options{})
	off := tensorsOf(t, plain)
	for _, c := range []struct {
		override         string
		beta, mean, bias bool // what changes
	}{{"quant.bias_correction=true", true, false, true}, {"quant.batch_norm_reestimation=1", false, true, false}} {
		dir := t.TempDir()
		run(dir, Options{}, c.override)
		on := tensorsOf(t, dir)
		for name, want := range map[string]bool{
			"bn1.bias": c.beta, "layer3.2.bn2.bias": c.beta, "bn1.running_mean": c.mean, "layer3.2.bn2.running_var": c.mean,
			"linear.bias": c.bias, "conv1.weight": false, "conv1.output_quantizer.scale": false,
		} {
			if off[name] == "" || (on[name] != off[name]) != want {
				t.Errorf("%s: %s changes: %v, want %v", c.override, name, !want, want)
			}
		}
	}
}

// Calibration for training takes the statistics of the batch, for post-training quantization the running ones.
func TestCalibrationStatistics(t *testing.T) {
	scale := func(epochs string) float32 {
		m, err := Open(loadConfig(t, "train.epochs="+epochs, "train.max_steps=0"), "", 2)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.initial(); err != nil {
			t.Fatal(err)
		}
		bn := 0
		for _, b := range m.Net.Store.Of(layers.Updated) {
			if strings.HasPrefix(b.Name, "bn1.running_mean") {
				for i := range b.Data() {
					b.Data()[i] -= 5 // running statistics push the stem's output up by several deviations
				}
				bn++
			}
		}
		if err := m.calibrate(context.Background()); err != nil || bn != 1 {
			t.Fatal(err, bn)
		}
		for _, q := range m.Net.Quantizers {
			if q.Name == "conv1.output" {
				return q.Scale.Data()[0]
			}
		}
		t.Fatal("no quantizer conv1.output")
		return 0
	}
	if batch, running := scale("1"), scale("0"); running < 1.5*batch {
		t.Errorf("scale %g before training, %g without; want the latter from running statistics", batch, running)
	}
}

// Re-estimation ends a run; a run that is stopped before it, or resumed after it, has the bits of one that was not.
func TestReestimationAfterTraining(t *testing.T) {
	ctx := context.Background()
	config := func() *configs.Config {
		return loadConfig(t, "train.max_steps=2", "quant.batch_norm_reestimation=3", "train.batch_norm_freeze=1it")
	}
	whole, stopped, plain := t.TempDir(), t.TempDir(), t.TempDir()
	if err := trainOnly(ctx, config(), Options{Out: whole, Threads: 2, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	want := tensors(t, whole)
	cancelled, cancel := context.WithCancel(ctx)
	err := trainOnly(cancelled, config(), Options{Out: stopped, Progress: &quiet{after: func(step int) {
		if step == 2 {
			cancel()
		}
	}}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v, want ErrInterrupted", err)
	}
	if bytes.Equal(tensors(t, stopped), want) {
		t.Error("the checkpoint before re-estimation is that after it")
	}
	for range 2 {
		if err := trainOnly(ctx, config(), Options{Out: stopped, Resume: true, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, stopped), want) {
			t.Error("the resumed run ends with other bits")
		}
	}
	if err := trainOnly(ctx, loadConfig(t, "train.max_steps=2", "train.batch_norm_freeze=1it"), Options{Out: plain, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	a, b := tensorsOf(t, whole), tensorsOf(t, plain)
	for name := range b {
		if changed := a[name] != b[name]; changed != strings.Contains(name, ".running_") {
			t.Errorf("re-estimation changes %s: %v", name, changed)
		}
	}
}

// Frozen, batch norm keeps its running statistics and still learns its scale and shift, whether the run is resumed or
// not.
func TestBatchNormFreeze(t *testing.T) {
	ctx := context.Background()
	run := func(dir string, resume bool, stop int, overrides ...string) error {
		cancelled, cancel := context.WithCancel(ctx)
		defer cancel()
		return trainOnly(cancelled, loadConfig(t, overrides...), Options{Out: dir, Resume: resume, Progress: &quiet{after: func(step int) {
			if step == stop {
				cancel()
			}
		}}})
	}
	frozen := []string{"train.max_steps=4", "train.batch_norm_freeze=2it"}
	whole := t.TempDir()
	if err := run(whole, false, 0, frozen...); err != nil {
		t.Fatal(err)
	}
	for _, stop := range []int{1, 3} {
		dir := t.TempDir()
		if err := run(dir, false, stop, frozen...); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("error %v, want ErrInterrupted", err)
		}
		if err := run(dir, true, 0, frozen...); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
			t.Errorf("interrupted after step %d and resumed: other bits", stop)
		}
	}
	two := t.TempDir() // two steps, with the learning rates of the first two of four
	if err := run(two, false, 0, "train.max_steps=2"); err != nil {
		t.Fatal(err)
	}
	a, b := tensorsOf(t, whole), tensorsOf(t, two)
	for _, name := range []string{"bn1.running_mean", "layer3.2.bn2.running_var"} {
		if a[name] != b[name] {
			t.Errorf("%s moves after the second step", name)
		}
	}
	for _, name := range []string{"bn1.weight", "layer3.2.bn2.bias"} {
		if a[name] == b[name] {
			t.Errorf("%s does not move after the second step", name)
		}
	}
}

// Methods whose parameters no file has start anew from model.init, also at calibrated levels.
func TestMethodsStartFromInit(t *testing.T) {
	m, err := Open(loadConfig(t, "quant.activations.estimator=lsq_plus", "quant.weights.estimator=lsq_plus", "quant.weights.calibration=lsq_plus",
		"quant.activations.calibration=mse"), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if line, err := m.initial(); err != nil || !strings.Contains(line, "97 tensors") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := m.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, p := range m.Net.Store.Of(layers.Learned) {
		if p.Name != "layer1.0.conv1.weight_quantizer.scale" {
			continue
		}
		found++
		for _, w := range m.Net.Store.Of(layers.Learned)[:i] {
			if w.Name == "layer1.0.conv1.weight" {
				// Bhalgat et al. 2020: (|mean| + 3 deviations)/2^(k-1).
				n, mean, square := float64(len(w.Data())), 0.0, 0.0
				for _, v := range w.Data() {
					mean += float64(v) / n
					square += float64(v) * float64(v) / n
				}
				want := (math.Abs(mean) + 3*math.Sqrt(square-mean*mean)) / 8
				if got := float64(p.Data()[0]); math.Abs(got-want) > 1e-5*want {
					t.Errorf("%s is %g, want %g", p.Name, got, want)
				}
				found++
			}
		}
	}
	if found != 2 {
		t.Error("no weights or scale of layer1.0.conv1")
	}
}
