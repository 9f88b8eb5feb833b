package train

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/layers"
)

var infinity = float32(math.Inf(1))

// A network that trains with finite losses and gives NaN in evaluation has no accuracy: NaN is no class. The error says
// where it comes from; no best.qat is left, and no line of the epoch.
func TestDivergedNetworkHasNoAccuracy(t *testing.T) {
	cfg, err := configs.Load("resnet20_reactnet", []string{"data.dataset=cifar10-mini", "train.epochs=1", "train.max_steps=2",
		"train.batch=32", "train.lr=3000", "train.schedule.kind=constant"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = Run(context.Background(), cfg, Options{Out: dir, Progress: &quiet{}})
	if e := (*graph.NotFiniteError)(nil); !errors.As(err, &e) {
		t.Fatalf("error %v, want one of a number that is not finite", err)
	}
	for _, part := range []string{"step 2: evaluation: linear: ", "; the first layer that is not finite is layer1.0.rprelu1: rprelu, with ", "train.lr"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q has no %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has more than a line", err)
	}
	if _, err := os.Stat(filepath.Join(dir, BestFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want none", BestFile, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if err != nil || bytes.Count(data, []byte{'\n'}) != 2 || bytes.Contains(data, []byte("top1")) {
		t.Errorf("metrics %s (%v), want the two steps", data, err)
	}
}

// What is not finite never takes the place of a checkpoint, is not evaluated, and is not read.
func TestStateThatIsNotFinite(t *testing.T) {
	m, _ := openTraining(t, "train.weight_ema=0.5")
	var err error
	if m.average, err = m.newAverage(); err == nil {
		err = m.updateAverage(0)
	}
	if err != nil {
		t.Fatal(err)
	}
	opt := NewOptimizer(&m.Config.Train, m.Net.Store.Learnable())
	path := filepath.Join(t.TempDir(), CheckpointFile)
	if err := m.save(path, true, state{}, origin{}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	named := func(err error, name string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that names %s", err, name)
		}
	}
	variance := m.Net.Store.Of(layers.Updated)[1]
	old := variance.Data()[3]
	variance.Data()[3] = infinity
	named(m.save(path, true, state{}, origin{}), variance.Name+"[3] is +Inf")
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, good) {
		t.Errorf("the checkpoint was replaced (%v)", err)
	}
	_, err = m.Simulate(context.Background(), m.Data.Test.Head(1))
	named(err, variance.Name)
	_, err = m.Lower()
	named(err, variance.Name)
	variance.Data()[3] = old
	averaged := m.average.Net.Store.Of(layers.Learned)[0]
	averaged.Data()[0] = float32(math.NaN())
	named(m.save(path, true, state{}, origin{}), "average: "+averaged.Name)
	averaged.Data()[0] = 0
	velocity := opt.slots["linear.bias"].param.Kept[0].Data
	velocity[2] = infinity
	if err := m.save(path, true, state{}, origin{}); err != nil {
		t.Fatal(err)
	}
	f, st, err := readCheckpoint(path, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	named(m.restore(path, f, st, true), "velocity.linear.bias[2] is +Inf")
}

// The causes that a training step sees: a teacher, a gradient.
func TestStepsThatAreNotFinite(t *testing.T) {
	first := func(m *Model, s *stepper) error {
		l, err := m.loader()
		if err != nil {
			t.Fatal(err)
		}
		it := l.Epoch(0, 0)
		defer it.Close()
		b, _ := it.Next()
		if _, _, err = s.forwardBackward(context.Background(), b); err == nil {
			err = s.update(NewOptimizer(&m.Config.Train, m.Net.Store.Learnable()))
		}
		return err
	}
	check := func(err error, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, want %q in it", err, part)
			}
		}
	}
	m, s := openTraining(t, "quant.distillation={teacher: embedded:resnet20_cifar10, weight: 0.5}")
	s.teacher.net.Store.Of(layers.Learned)[0].Data()[0] = infinity
	check(first(m, s), "teacher: linear: output ", "the first layer that is not finite is conv1: conv2d, with ")

	// A batch norm with a tiny input and a huge factor: the loss is finite, the gradient of its input is not.
	m, s = openTraining(t, "quant.weights.bits=fp", "quant.activations.bits=fp", "quant.first_last=fp", "quant.residual=fp")
	factors := map[string]float32{"layer3.2.bn1.weight": 1e-10, "layer3.2.bn2.weight": 1e30, "linear.weight": 1e10}
	for _, p := range m.Net.Store.Learnable() {
		if f := factors[p.Name]; f != 0 {
			for i := range p.Data() {
				p.Data()[i] *= f
			}
		}
	}
	check(first(m, s), "the gradient of element ", "; gradients are not finite from layer3.2.conv2.weight backwards")
}

// Calibration looks too, whatever the method, and whether a batch comes to the quantizer at once or after a stop.
func TestCalibrationOnWhatIsNotFinite(t *testing.T) {
	for _, tt := range []struct{ estimator, norm, quantizer string }{
		{"lsq", "bn1", "layer1.0.conv1.input"}, {"dorefa", "bn1", "layer1.0.conv1.input"}, {"affine", "bn1", "layer1.0.conv1.input"},
		{"affine", "layer1.0.bn2", "layer1.1.conv1.input"},
	} {
		m, err := Open(loadConfig(t, "quant.first_last=fp", "quant.residual=fp", "quant.activations.estimator="+tt.estimator, "quant.activations.calibration_batches=2"), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for _, p := range m.Net.Store.Of(layers.Learned) {
			if p.Name == tt.norm+".weight" {
				for i := range p.Data() {
					p.Data()[i] = math.MaxFloat32
				}
			}
		}
		err = m.calibrate(context.Background())
		for _, part := range []string{tt.quantizer + ": quantize: cannot calibrate: element ", "the first layer that is not finite is " + tt.norm + ": batch norm, with "} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: error %v, want %q in it", tt, err, part)
			}
		}
	}
}
