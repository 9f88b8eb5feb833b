package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

// additions are all that training can add around quantizers.
var additions = []string{
	"train.max_steps=4", "train.weight_ema=0.9", "quant.gradients.bits=6", "quant.distillation.teacher=embedded:resnet20_cifar10",
	"quant.regularizers={kurtosis: 0.1, msqe: {kind: linear, from: 0, to: 1}, dampening: 1e-3, sin2: 1e-3, prox_quant: 0.01, freezing: {momentum: 0.5, threshold: 0.3}}",
}

// All additions at once give the same bits on other threads and after an interruption in an epoch.
func TestAdditionsResumeWithTheSameBits(t *testing.T) {
	whole, dir := t.TempDir(), t.TempDir()
	if err := trainOnly(context.Background(), loadConfig(t, additions...), Options{Out: whole, Threads: 3, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := trainOnly(ctx, loadConfig(t, additions...), Options{Out: dir, Threads: 1, Progress: &quiet{after: func(step int) {
		if step == 3 {
			cancel()
		}
	}}})
	if !errors.Is(err, ErrInterrupted) {
		t.Fatal(err)
	}
	if err := trainOnly(context.Background(), loadConfig(t, additions...), Options{Out: dir, Resume: true, Threads: 2, Progress: &quiet{}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tensors(t, dir), tensors(t, whole)) {
		t.Error("the checkpoint differs from that of an uninterrupted run")
	}
	a, b := metricsOf(t, dir), metricsOf(t, whole)
	if len(a) != 5 || a[4]["kind"] != "epoch" {
		t.Fatalf("%d lines of metrics, want 4 steps and an epoch", len(a))
	}
	mean := 0.0
	for i := range a {
		p, ok := a[i]["penalty"].(float64)
		if !ok || p != b[i]["penalty"] || a[i]["loss"] != b[i]["loss"] {
			t.Errorf("metrics %v, want %v", a[i], b[i])
		}
		if i < 4 {
			mean += p / 4
		} else if math.Abs(p-mean) > 1e-9*mean {
			t.Errorf("penalty of the epoch %v, the mean of its steps is %v", p, mean)
		}
	}
}

func metricsOf(t *testing.T, dir string) (lines []map[string]any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var l map[string]any
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// A penalty of zero changes no bit; metrics have one only where there are regularizers.
func TestZeroPenaltyKeepsTheBits(t *testing.T) {
	var want []byte
	for _, overrides := range [][]string{{}, {"quant.regularizers={msqe: {kind: linear, from: 0, to: 0}, prox_quant: {kind: linear, from: 0, to: 0}}"}} {
		dir := t.TempDir()
		cfg := loadConfig(t, append(overrides, "train.max_steps=2")...)
		if err := trainOnly(context.Background(), cfg, Options{Out: dir, Progress: &quiet{}}); err != nil {
			t.Fatal(err)
		}
		f, _, err := readCheckpoint(filepath.Join(dir, CheckpointFile), Reading{})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for _, tensor := range f.Tensors {
			got = append(got, tensor.Data...)
		}
		if want == nil {
			want = got
		} else if !bytes.Equal(got, want) {
			t.Error("a penalty of zero changes the run")
		}
		if _, reported := metricsOf(t, dir)[0]["penalty"]; reported != (len(overrides) > 0) {
			t.Errorf("penalty reported: %v", reported)
		}
	}
}

// openTraining returns a calibrated model and its training graph.
func openTraining(t *testing.T, overrides ...string) (*Model, *stepper) {
	t.Helper()
	m, err := Open(loadConfig(t, overrides...), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	if _, err := m.initial(); err != nil {
		t.Fatal(err)
	}
	if err := m.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	s, err := m.newStepper(machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m, s
}

func (s *stepper) runFirst(t *testing.T, m *Model) float64 {
	t.Helper()
	l, err := m.loader()
	if err != nil {
		t.Fatal(err)
	}
	it := l.Epoch(0, 0)
	defer it.Close()
	b, _ := it.Next()
	loss, _, err := s.forwardBackward(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// The gradient that the optimizer gets is that of the loss plus that of the penalty, and the loss stays the network's.
func TestPenaltyReachesTheOptimizer(t *testing.T) {
	m, s := openTraining(t)
	loss := s.runFirst(t, m)
	n, p := openTraining(t, "quant.regularizers.dampening=3")
	if got := p.runFirst(t, n); got != loss {
		t.Errorf("loss %v, without a penalty %v", got, loss)
	}
	for i, w := range m.Net.Store.Learnable() {
		plain, penalized := gradOf(t, s, i), gradOf(t, p, i)
		quantized := strings.HasSuffix(w.Name, ".weight") && w.Group == networks.WeightsGroup
		differs := 0
		for j := range plain {
			if plain[j] != penalized[j] {
				differs++
			}
		}
		if (differs > 0) != quantized {
			t.Errorf("%s: %d of %d gradients have a penalty, want %v", w.Name, differs, len(plain), quantized)
		}
	}
}

func gradOf(t *testing.T, s *stepper, i int) []float32 {
	t.Helper()
	g, err := s.params[i].Grad()
	if err != nil {
		t.Fatal(err)
	}
	return g.(*tensor.Dense).Float32s()
}

// The teacher is the float network as it is evaluated, on the student's batch; the loss is the two losses' weighted sum.
func TestDistillation(t *testing.T) {
	m, s := openTraining(t, "quant.distillation={teacher: embedded:resnet20_cifar10, temperature: 2, weight: 0.75}")
	loss := s.runFirst(t, m)
	cfg := *m.Config
	cfg.Quant = configs.Quant{}
	float, err := m.with(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := float.initial(); err != nil {
		t.Fatal(err)
	}
	c := layers.NewContext((*threads.Pool)(m.pool), false)
	logits, err := float.Net.Build(c, s.x)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := machine.New(m.pool, machine.Options{}, logits)
	if err != nil {
		t.Fatal(err)
	}
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	teacher, student, labels := logits.Value().(*tensor.Dense).Float32s(), s.logits.Float32s(), s.y.Int32s()
	soft := func(row []float32, temperature float64, j int) float64 {
		sum := 0.0
		for _, v := range row {
			sum += math.Exp(float64(v) / temperature)
		}
		return math.Exp(float64(row[j])/temperature) / sum
	}
	want := 0.0
	for i, label := range labels {
		p, q := teacher[i*10:][:10], student[i*10:][:10]
		want -= 0.25 * math.Log(soft(q, 1, int(label)))
		for j := range 10 {
			want += 0.75 * 4 * soft(p, 2, j) * math.Log(soft(p, 2, j)/soft(q, 2, j))
		}
	}
	if want /= float64(len(labels)); math.Abs(loss-want) > 1e-5*want {
		t.Errorf("loss %v, want %v", loss, want)
	}
	m.Config.Quant.Distillation.Teacher, m.taught = "none.safetensors", nil // as of a model that has trained no step
	if _, err := m.newStepper(machine.Options{}); err == nil || !strings.Contains(err.Error(), "quant.distillation.teacher: ") {
		t.Errorf("a teacher that is not there: %v", err)
	}
}

// Weights of a method that clips them are in [-1, 1] after every step.
func TestBinaryConnectRuns(t *testing.T) {
	m, s := openTraining(t, "quant.weights={bits: 1, estimator: binary_connect}", "quant.first_last=fp")
	s.runFirst(t, m)
	o := NewOptimizer(&m.Config.Train, m.Net.Store.Learnable())
	o.LR = 100
	if err := s.update(o); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Net.Store.Learnable() {
		if p.Name != "layer1.0.conv1.weight" {
			continue
		}
		at := 0
		for _, w := range p.Data() {
			if w < -1 || w > 1 {
				t.Fatalf("weight %v", w)
			}
			if w == 1 || w == -1 {
				at++
			}
		}
		if at == 0 {
			t.Error("no weight was clipped")
		}
	}
}

// Files of float networks do not have what quantizers and regularizers keep.
func TestInitNeedsNoStateOfQuantizers(t *testing.T) {
	for _, override := range []string{"quant.weights.estimator=qil", "quant.weights.estimator=kmeans", "quant.regularizers.freezing={}"} {
		m, err := Open(loadConfig(t, override), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.initial(); err != nil {
			t.Errorf("%s: %v", override, err)
		}
	}
}
