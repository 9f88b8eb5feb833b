package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/layers"
)

// unnormalized is a network without batch norm.
const unnormalized = "model.network={nodes: [{name: first, conv: {out: 4, kernel: 3, stride: 2, pad: 1, bias: true}}, relu, {name: conv, conv: {out: 4, kernel: 3, pad: 1, bias: true}}, relu, global_average_pool, linear: {out: classes}]}"

// Two batches of 4, and four of 2, train as one of 8 does, but for the rounding of sums, where there is no batch norm: each loss, and all that
// is learned, with weight decay, momentum, clipping, a penalty, and the gradient scale of LSQ that counts the images.
func TestAccumulateIsALargerBatch(t *testing.T) {
	float := []string{"quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp", "train.steps=12"}
	for _, c := range []struct {
		name       string
		accumulate int
		overrides  []string
	}{
		{"float, two batches", 2, float}, {"float, four", 4, float},
		{"quantized", 2, []string{"quant.activations.n=per_tensor", "quant.regularizers.dampening=0.1", "quant.gradients.bits=4", "train.steps=1"}},
	} {
		run := func(accumulate int) ([]map[string]any, *Model) {
			overrides := append(slices.Clone(shortEpochs), unnormalized, fmt.Sprint("train.batch=", 8/accumulate), fmt.Sprint("train.accumulate=", accumulate),
				"train.lr=0.1", "train.clip_grad_norm=0.5", "train.optimizer.weight_decay=0.1")
			if c.name == "quantized" {
				overrides = append(overrides, fmt.Sprint("quant.activations.calibration_batches=", accumulate))
			}
			dir := t.TempDir()
			if err := trainOnly(context.Background(), loadConfig(t, append(overrides, c.overrides...)...), Options{Out: dir, Progress: &quiet{}}); err != nil {
				t.Fatal(err)
			}
			c, err := OpenCheckpoint(dir, Reading{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := c.Load("", 1)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(m.Close)
			return metricsOf(t, dir), m
		}
		wantLines, want := run(1)
		gotLines, got := run(c.accumulate)
		if len(gotLines) != len(wantLines) {
			t.Fatalf("%s: %d lines of metrics, want %d", c.name, len(gotLines), len(wantLines))
		}
		for i, l := range wantLines {
			for _, key := range []string{"loss", "train_loss", "train_top1", "penalty"} {
				a, _ := l[key].(float64)
				b, _ := gotLines[i][key].(float64)
				if math.Abs(a-b) > 1e-5*max(math.Abs(a), 1) {
					t.Errorf("%s: %s of line %d is %v, want %v", c.name, key, i+1, b, a)
				}
			}
		}
		for _, p := range want.Net.Store.Of(layers.Learned) {
			largest, worst := 0.0, 0.0
			for i, v := range got.Net.Store.Array(p.Name).Data() {
				largest, worst = max(largest, math.Abs(float64(p.Data()[i]))), max(worst, math.Abs(float64(p.Data()[i]-v)))
			}
			if worst > 1e-5*largest {
				t.Errorf("%s: %s is off by %g, of %g", c.name, p.Name, worst, largest)
			}
		}
	}
}

// stateful quantizes with a basis that moves with what it sees, and weights with a codebook that does.
var stateful = []string{"quant.weights={estimator: kmeans, bits: 4}", "quant.activations={estimator: lq_nets, bits: 2}", "quant.first_last=fp", "quant.residual=fp", "train.batch=4", "train.accumulate=3"}

// An epoch of 64 images has 5 steps of 3 batches of 4. A run that is interrupted goes on to the same bits; threads change none.
func TestAccumulateResumes(t *testing.T) {
	overrides := append(append(slices.Clone(shortEpochs), stateful...), "train.epochs=2", "train.weight_ema=0.5")
	whole, dir := t.TempDir(), t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: whole, Threads: 3, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	lines := metricsOf(t, whole)
	if len(lines) != 12 || lines[5]["kind"] != "epoch" || lines[5]["step"] != 5.0 || lines[11]["epoch"] != 2.0 {
		t.Fatalf("metrics %v; want five steps and an epoch, twice", lines)
	}
	mean := 0.0
	for _, l := range lines[:5] {
		mean += l["loss"].(float64) / 5
	}
	if math.Abs(mean-lines[5]["train_loss"].(float64)) > 1e-9 {
		t.Errorf("the epoch's loss is %v, the mean of its steps %v", lines[5]["train_loss"], mean)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := trainOnly(ctx, loadConfig(t, overrides...), Options{Out: dir, Threads: 1, Progress: &quiet{after: func(step int) {
		if step == 3 {
			cancel()
		}
	}}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	if err := trainOnly(context.Background(), loadConfig(t, overrides...), Options{Out: dir, Resume: true, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tensors(t, dir), tensors(t, whole)) || len(metricsOf(t, dir)) != len(lines) {
		t.Error("the run ends otherwise than one that was never interrupted")
	}
}

// What follows no gradient moves with each batch, but for what belongs to weights, which moves with each step. A step that is
// interrupted in its second batch has not been.
func TestAccumulateStates(t *testing.T) {
	m, l := smallModel(t, stateful...)
	l.optimizer.LR = 0.1
	updates := func(name string) float32 { return m.Net.Store.Array(name + "_quantizer.updates").Data()[0] }
	weights, inputs, variance := updates("conv.weight"), updates("conv.input"), m.Net.Store.Array("bn.running_var")
	before, running := l.bytes(t), slices.Clone(variance.Data())
	ctx, cancel := context.WithCancel(context.Background())
	b, _ := l.data.Next()
	for range 2 {
		if _, _, err := l.step.forwardBackward(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Equal(running, variance.Data()) || updates("conv.weight") != weights || updates("conv.input") != inputs+2 {
		t.Errorf("after two batches of three: variances %v, updates %v and %v; want others than %v, %v and %v", variance.Data(), updates("conv.weight"), updates("conv.input"), running, weights, inputs+2)
	}
	cancel()
	if _, _, err := l.step.forwardBackward(ctx, b); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if !bytes.Equal(l.bytes(t), before) {
		t.Error("the interrupted step has changed the network")
	}
	for range 3 {
		if _, _, err := l.step.forwardBackward(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.step.update(l.optimizer); err != nil || updates("conv.weight") != weights+1 || updates("conv.input") != inputs+3 || l.step.step != 1 {
		t.Errorf("after step %d, updates are %v and %v (%v)", l.step.step, updates("conv.weight"), updates("conv.input"), err)
	}
}

// Steps that take more images than there are are refused, and the sums of gradients foreseen.
func TestAccumulateIsChecked(t *testing.T) {
	cfg := loadConfig(t, append(slices.Clone(shortEpochs), "train.epochs=1", "train.accumulate=9")...)
	want := "train.accumulate: a step takes 9 batches of 8 images, more than the 64 training images of random; wanted at most 8"
	if err := Check(cfg, ""); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	fixed := func(accumulate int) int {
		m, err := Describe(loadConfig(t, fmt.Sprint("train.accumulate=", accumulate)))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.fixedBytes()
	}
	if more := fixed(2) - fixed(1); more < 4*269_000 || more > 4*280_000 || fixed(9) != fixed(2) {
		t.Errorf("several batches take %d bytes more than one, want those of nearly 270,000 parameters", more)
	}
}
