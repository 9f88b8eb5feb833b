package train

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// tensorOf returns a tensor of a checkpoint.
func tensorOf(t *testing.T, path, name string) []float32 {
	t.Helper()
	f, err := safetensors.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := f.Float32s(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is evaluated is sum d^(t-i)*w[i] / sum d^(t-i); the training is not disturbed by it.
func TestWeightEMA(t *testing.T) {
	const decay, steps = 0.8, 3
	names := []string{"layer1.0.conv1.weight", "layer1.0.conv1.input_quantizer.scale", "layer1.0.bn1.running_var", "linear.bias"}
	want := map[string][]float64{}
	for i := 1; i <= steps; i++ {
		dir := t.TempDir()
		cfg := loadConfig(t, "train.max_steps="+string(rune('0'+i)))
		if err := trainOnly(context.Background(), cfg, Options{Out: dir, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		part := math.Pow(decay, steps-float64(i)) * (1 - decay) / (1 - math.Pow(decay, steps))
		for _, name := range names {
			v := tensorOf(t, filepath.Join(dir, CheckpointFile), name)
			if want[name] == nil {
				want[name] = make([]float64, len(v))
			}
			for j, x := range v {
				want[name][j] += part * float64(x)
			}
		}
	}
	plain, dir := t.TempDir(), t.TempDir()
	for out, overrides := range map[string][]string{plain: nil, dir: {"train.weight_ema=0.8"}} {
		cfg := loadConfig(t, append(overrides, "train.max_steps=3")...)
		if err := trainOnly(context.Background(), cfg, Options{Out: out, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint := filepath.Join(dir, CheckpointFile)
	c, err := OpenCheckpoint(dir, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := c.Load("", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	started, err := Open(loadConfig(t, "model.init=random"), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer started.Close()
	if _, err := started.loadWeights(initOption, checkpoint, ""); err != nil {
		t.Fatal(err)
	}
	for _, a := range started.starting() {
		if average := tensorOf(t, checkpoint, layers.AveragePrefix+a.Name); !slices.Equal(a.ToFile(a.Data()), average) {
			t.Errorf("what begins with the checkpoint has a %s that is not the average", a.Name)
		}
	}
	for _, name := range names {
		if !slices.Equal(tensorOf(t, checkpoint, name), tensorOf(t, filepath.Join(plain, CheckpointFile), name)) {
			t.Errorf("%s in training is not that of a run without an average", name)
		}
		average := tensorOf(t, checkpoint, layers.AveragePrefix+name)
		for j, x := range average {
			if math.Abs(float64(x)-want[name][j]) > 1e-6*(1+math.Abs(want[name][j])) {
				t.Fatalf("average of %s[%d] is %v, want %v", name, j, x, want[name][j])
			}
		}
		if best := tensorOf(t, filepath.Join(dir, BestFile), name); !slices.Equal(best, average) {
			t.Errorf("%s in %s is not the average", name, BestFile)
		}
		for _, p := range loaded.Net.Store.Of(layers.Learned) {
			if p.Name == name && !slices.Equal(p.ToFile(p.Data()), average) {
				t.Errorf("%s of a loaded checkpoint is not the average", name)
			}
		}
	}
}

// The scale of static weights is that of the averaged ones.
func TestWeightEMADerivesScales(t *testing.T) {
	dir := t.TempDir()
	cfg := loadConfig(t, "train.max_steps=2", "train.weight_ema=0.5", "quant.weights={estimator: affine, calibration: min_max}")
	if err := trainOnly(context.Background(), cfg, Options{Out: dir, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	largest := float32(0)
	for _, w := range tensorOf(t, filepath.Join(dir, BestFile), "layer1.0.conv1.weight") {
		largest = max(largest, w, -w)
	}
	if s := tensorOf(t, filepath.Join(dir, BestFile), "layer1.0.conv1.weight_quantizer.scale")[0]; s != largest/7 {
		t.Errorf("scale %v, want %v", s, largest/7)
	}
}

// A run without steps evaluates what it began with.
func TestWeightEMAWithoutSteps(t *testing.T) {
	dir := t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, "train.epochs=0", "train.weight_ema=0.5"), Options{Out: dir, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, CheckpointFile)
	if !slices.Equal(tensorOf(t, path, "conv1.weight"), tensorOf(t, path, "average.conv1.weight")) {
		t.Error("the average is not the network")
	}
}
