//go:build long

package train

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/layers"
)

// TestTrajectoryAgreesWithPyTorch trains ResNet-20 for ten steps beside PyTorch (layers/testdata/pytorch/steps.py), from the
// same weights and on the same images, and never looks back at PyTorch's arrays: in floating point, and with the input and
// the weights of the linear layer in 4 bits by LSQ. Losses agree to 1e-5, and arrays after the last step to 1e-4 of their
// largest, unless a value comes to lie within rounding of a kink, of a ReLU or of a quantizer: PyTorch in float32 and in
// float64 (--double) part there too. Which seeds meet one depends on the order of
// sums, so on the processor; here two of three agree to the end in floating point, and one with the quantizers.
func TestTrajectoryAgreesWithPyTorch(t *testing.T) {
	const steps, batch, seeds = 10, 4, 3
	float := []string{"quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp"}
	for _, c := range []struct {
		name           string
		script, config []string
	}{
		{"float", []string{"--bits", "32"}, float},
		{"W4A4 of the linear layer", []string{"--bits", "4", "--only", "linear"},
			append(slices.Clone(float), "quant.layers[linear]={weights: {bits: 4}, activations: {bits: 4}}")},
	} {
		t.Run(c.name, func(t *testing.T) {
			agree := 0
			for seed := range seeds {
				theirs := inPyTorch(t, steps+1, batch, append(c.script, "--seed", fmt.Sprint(seed))...)
				losses, arrays := trajectory(t, steps, batch, c.config, theirs)
				t.Logf("seed %d: losses are off by %.1e at most, arrays after %d steps by %.1e of their largest", seed, losses, steps, arrays)
				if losses <= 1e-5 && arrays <= 1e-4 {
					agree++
				}
			}
			if agree == 0 {
				t.Errorf("none of %d seeds agrees to the end", seeds)
			}
		})
	}
}

// trajectory takes steps from PyTorch's first arrays, and returns how far it comes to be off: losses, and the arrays at the
// end as a share of the largest element of each.
func trajectory(t *testing.T, steps, batch int, config []string, theirs func(step int) func(string) []float32) (losses, arrays float64) {
	t.Helper()
	cfg, err := configs.Load("resnet20_w4a4", append([]string{fmt.Sprint("train.batch=", batch), "train.lr=0.001", "train.groups.scales.weight_decay=inherit",
		"train.groups.bias.weight_decay=inherit", "train.groups.batch_norm.weight_decay=inherit"}, config...))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Describe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	start := theirs(0)
	for _, p := range m.Net.Store.Of(layers.Learned) {
		if err := p.FromFile(p.Data(), start("start."+p.Name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range m.Net.Store.Running() {
		copy(b.Data(), start("start."+b.Name))
	}
	s, err := m.newStepper(machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opt := NewOptimizer(&cfg.Train, m.Net.Store.Learnable())
	for step := range steps {
		now, b := theirs(step), &datasets.Batch{N: batch}
		for i, x := 0, now("x"); i < len(x); i++ { // NCHW to NHWC
			n, pixel, c := i/(32*32*3), i/3%(32*32), i%3
			b.X = append(b.X, x[(n*3+c)*32*32+pixel])
		}
		for _, label := range now("y") {
			b.Y = append(b.Y, int32(label))
		}
		loss, _, err := s.forwardBackward(context.Background(), b)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.update(opt); err != nil {
			t.Fatal(err)
		}
		losses = max(losses, math.Abs(loss-float64(now("loss")[0])))
	}
	end := theirs(steps)
	for _, p := range m.Net.Store.Of(layers.Learned) {
		got, off, largest := p.ToFile(p.Data()), 0.0, 0.0
		for i, v := range end("start." + p.Name) {
			off, largest = max(off, math.Abs(float64(got[i]-v))), max(largest, math.Abs(float64(v)))
		}
		arrays = max(arrays, off/largest)
	}
	return losses, arrays
}

// inPyTorch trains in PyTorch and returns the arrays of each step, by name.
func inPyTorch(t *testing.T, steps, batch int, args ...string) func(step int) func(name string) []float32 {
	t.Helper()
	dir := t.TempDir()
	args = append([]string{"../layers/testdata/pytorch/steps.py", "--weights", "../layers/pretrained/resnet20_cifar10.safetensors",
		"--out", dir, "--steps", fmt.Sprint(steps), "--batch", fmt.Sprint(batch), "--lr", "0.001"}, args...)
	if out, err := exec.Command("/usr/bin/python3", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func(step int) func(name string) []float32 {
		f, err := safetensors.ReadFile(filepath.Join(dir, fmt.Sprint("step", step)))
		if err != nil {
			t.Fatal(err)
		}
		return func(name string) []float32 {
			v, err := f.Float32s(name)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
}
