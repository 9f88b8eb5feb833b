package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/layers"
)

// Images and steps of the test below.
const (
	embeddedBatch = 8
	embeddedSteps = 2 // of training; a third one follows
	embeddedTest  = 5 // images to evaluate
)

// Every embedded config calibrates, trains and evaluates, and a checkpoint holds all that training needs: a step after
// restoring it gives the same bits. An infinite bias is found where it is. It runs on random images of a
// quarter of CIFAR-10's size, which every layer still takes; configs of other data sets, whose networks want larger ones, are
// listed and left out.
func TestEmbeddedConfigs(t *testing.T) {
	small := loadConfig(t, "data.dataset=random", "data.random={height: 16, width: 16, images: 64, test_images: 8}")
	first, err := Open(small, "", 2) // its images serve all
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	for _, e := range configs.Names() {
		t.Run(e.Name, func(t *testing.T) {
			cfg, err := configs.Load(e.Name, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d := cfg.Data.Dataset; d != configs.CIFAR10 && d != configs.CIFAR10Mini {
				t.Skipf("%s needs %s, which is not embedded", e.Name, d)
			}
			cfg.Data.Dataset, cfg.Data.Random, cfg.Train.Batch = small.Data.Dataset, small.Data.Random, embeddedBatch
			runEmbedded(t, first, cfg)
		})
	}
}

func runEmbedded(t *testing.T, first *Model, cfg *configs.Config) {
	m, err := first.with(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.initial(); err != nil {
		t.Fatal(err)
	}
	if err := m.calibrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	steps := embeddedSteps
	if cfg.Train.Epochs == 0 {
		steps = 0
	}
	l := newLine(t, m, 0)
	l.train(t, steps)
	file := filepath.Join(t.TempDir(), CheckpointFile)
	if err := m.save(file, true, state{Step: steps, Total: steps}, origin{}); err != nil {
		t.Fatal(err)
	}
	final := m
	if m.Net.LearnsBits() { // until it has whole numbers of bits
		whole := *m
		whole.learned = m.Net.WholeBits()
		if whole.Net, err = whole.over(m.Net.Store, configs.ScalesKeep); err == nil {
			err = whole.Net.TakeBits(m.Net)
		}
		if final = &whole; err != nil {
			t.Fatal(err)
		}
	}
	a, err := final.Simulate(context.Background(), m.Data.Test.Head(embeddedTest))
	if err != nil {
		t.Fatal(err)
	}
	net, err := final.Lower()
	foretold(t, cfg, err)
	if err == nil {
		b, err := m.EvaluateInteger(context.Background(), net, m.Data.Test.Head(embeddedTest))
		if err != nil || Disagreements(a, b) > 0 {
			t.Errorf("the integer network gives %v, the simulation %v (%v)", b, a, err)
		}
	}
	if steps == 0 {
		return
	}
	again, err := m.with(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f, st, err := readCheckpoint(file, Reading{})
	if err != nil {
		t.Fatal(err)
	}
	resumed := newLine(t, again, steps)
	if err := again.restore(file, f, st, true); err != nil {
		t.Fatal(err)
	}
	l.train(t, 1)
	resumed.train(t, 1)
	if want, got := l.bytes(t), resumed.bytes(t); !bytes.Equal(want, got) {
		t.Error("a step after restoring the checkpoint differs from one without")
	}
	// Whatever the operations are, what they leave undefined is not taken for the cause of a number that is not finite.
	for _, p := range m.Net.Store.Of(layers.Learned) {
		if p.Name == "linear.bias" {
			p.Data()[0] = float32(math.Inf(1))
		}
	}
	b, _ := l.data.Next()
	const cause = "linear: output 0 of image 0 is +Inf" // and no layer before it
	if _, _, err := l.step.forwardBackward(context.Background(), b); err == nil || err.Error() != cause {
		t.Errorf("error %v, want %s", err, cause)
	}
}

// foretold compares what "qat config check" says of a config with how the lowering of the trained network ended.
func foretold(t *testing.T, cfg *configs.Config, lowering error) {
	t.Helper()
	m, err := Describe(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if want := m.Net.IntegerForm(); fmt.Sprint(lowering) != fmt.Sprint(want) {
		t.Errorf("after training: %v; foretold: %v", lowering, want)
	}
}

// line is training without a run around it.
type line struct {
	*Model
	optimizer *Optimizer
	step      *stepper
	data      *datasets.Iterator
}

func newLine(t *testing.T, m *Model, step int) *line {
	t.Helper()
	loader, err := m.loader()
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.newStepper(machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.step, s.total = step, embeddedSteps+1
	it := loader.Epoch(0, step)
	t.Cleanup(it.Close)
	return &line{m, NewOptimizer(&m.Config.Train, m.Net.Store.Learnable()), s, it}
}

func (l *line) train(t *testing.T, steps int) {
	t.Helper()
	l.optimizer.LR = l.Config.Train.LR
	for i := range steps {
		b, ok := l.data.Next()
		if !ok {
			t.Fatal("the data ended")
		}
		loss, _, err := l.step.forwardBackward(context.Background(), b)
		if err == nil {
			err = l.step.update(l.optimizer)
		}
		if err != nil || math.IsNaN(loss) || math.IsInf(loss, 0) {
			t.Fatalf("step %d: loss %v, %v", i+1, loss, err)
		}
		l.data.Release(b)
	}
}

func (l *line) bytes(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	write := func(name string, data []float32) {
		all.WriteString(name)
		if err := binary.Write(&all, binary.LittleEndian, data); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range l.Net.Store.Of(layers.Learned) {
		write(p.Name, p.Data())
	}
	for _, b := range l.Net.Store.Of(layers.Updated) {
		write(b.Name, b.Data())
	}
	return all.Bytes()
}
