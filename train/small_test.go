package train

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/internal/safetensors"
)

// smallModel is two convolutions (testdata/small.yaml) on random images, with scales.
func smallModel(t *testing.T, overrides ...string) (*Model, *line) {
	t.Helper()
	m, _ := openTraining(t, append([]string{"model.network=testdata/small.yaml", "model.init=random", "data.dataset=random",
		"data.random={height: 8, width: 8, classes: 2, images: 64, test_images: 8}"}, overrides...)...)
	var err error
	if m.average, err = m.newAverage(); err != nil {
		t.Fatal(err)
	}
	l := newLine(t, m, 0)
	if err := m.updateAverage(0); err != nil {
		t.Fatal(err)
	}
	return m, l
}

// What a simulation derives from what was learned, a checkpoint has.
func TestSimulationStoresWhatItDerives(t *testing.T) {
	m, _ := smallModel(t, "quant.weights={estimator: ewgs, bits: 2}", "quant.first_last=fp")
	array := func(name string) []float32 { return m.Net.Store.Array("conv.weight_quantizer." + name).Data() }
	array("scale")[0] *= 2
	if _, err := m.Simulate(context.Background(), m.Data.Test); err != nil || array("code_scale")[0] != array("scale")[0]/3 {
		t.Errorf("the scale of the codes is %v and the learned one %v, want a third of it (%v)", array("code_scale"), array("scale"), err)
	}
}

// A step that is interrupted leaves schedules where the step before it had them: levels of the average that is then saved
// follow them.
func TestInterruptedStepLeavesSchedules(t *testing.T) {
	m, l := smallModel(t, "quant.weights={estimator: pot, bits: 4, options: {fixed: 1, emin: {kind: steps, from: -6, steps: {50%: -5}}, emax: {kind: steps, from: 0, steps: {50%: 1}}}}", "quant.first_last=fp", "train.weight_ema=0.5")
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if l.step, err = m.newStepper(machine.Options{}); err != nil {
		t.Fatal(err)
	}
	l.step.total = 2
	l.train(t, 1) // at 0 %; the next one is at 50 %
	average := func() []float32 {
		a, err := m.evaluated()
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(a.Net.Store.Array("conv.weight_quantizer.code_scale").Data())
	}
	before := average()
	b, _ := l.data.Next()
	cancel()
	if _, _, err := l.step.forwardBackward(ctx, b); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if after := average(); !slices.Equal(before, after) {
		t.Errorf("the average's scale was %v and is %v", before, after)
	}
	if l.train(t, 1); slices.Equal(before, average()) {
		t.Error("the schedule moves nothing")
	}
}

// Averages that cannot be are refused as what they are averages of.
func TestAveragesAreChecked(t *testing.T) {
	m, _ := smallModel(t, "train.weight_ema=0.5")
	path := filepath.Join(t.TempDir(), CheckpointFile)
	if err := m.save(path, true, state{Total: 6}, origin{}); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, func(f *safetensors.File) {
		for i, x := range f.Tensors {
			if x.Name == "average.bn.running_var" {
				f.Tensors[i] = safetensors.NewTensor(x.Name, x.Shape, []float32{1, -1, 1, 1})
			}
		}
	})
	f, st, err := readCheckpoint(path, Reading{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.restore(path, f, st, true); err == nil || !strings.Contains(err.Error(), "average: bn.running_var[1] is -1") {
		t.Errorf("error %v", err)
	}
}

// The states at the ends of what a config allows.
func TestStateFits(t *testing.T) {
	cfg := &configs.Config{Train: configs.Train{Epochs: 2, MaxSteps: 6, Batch: 8}}
	ends := state{Step: 6, Total: 6, BestEpoch: 2, Seen: 6 * 8}
	if err := ends.fits(cfg); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*state){
		"total": func(st *state) { st.Total++ }, "best epoch": func(st *state) { st.BestEpoch++ }, "seen": func(st *state) { st.Seen += 8 },
	} {
		st := ends
		if change(&st); st.fits(cfg) == nil {
			t.Errorf("%s: %+v fits", name, st)
		}
	}
	if cfg.Train.Epochs = 0; (state{Step: 1, Total: 1}).fits(cfg) == nil || (state{}).fits(cfg) != nil {
		t.Error("without epochs, a step fits, or none does not")
	}
}
