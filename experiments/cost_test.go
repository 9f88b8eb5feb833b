package experiments

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/qat-go/qat/internal/npy/npytest"
)

// TestCosts: a run takes as long as its images at the pace that was measured, and the evaluations after its epochs.
func TestCosts(t *testing.T) {
	arrays := Save(t, "", map[string][]byte{
		"x_train": Array(make([]uint8, 13*6*6*3), 13, 6, 6, 3), "y_train": Array([]uint8{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0}, 13),
		"x_test": Array(make([]uint8, 5*6*6*3), 5, 6, 6, 3), "y_test": Array([]uint8{0, 1, 2, 0, 1}, 5),
	})
	random := "{dataset: random, random: {height: 6, width: 6, classes: 3, images: 32, test_images: 12}, validation: 8, augment: {crop: 0}}"
	ofArrays := fmt.Sprintf("{dataset: arrays, root: %q, augment: {crop: 0, flip: false}, mean: 0.5, std: 0.25}", filepath.ToSlash(arrays))
	for name, tt := range map[string]struct {
		data, train                      string
		trained, evaluations, evaluation int // images, evaluations, images of one
	}{
		"epochs":            {random, "{epochs: 2, batch: 4}", 48, 2, 8},
		"several batches":   {random, "{epochs: 2, batch: 4, accumulate: 3}", 48, 2, 8},
		"what is left over": {random, "{epochs: 2, batch: 5, accumulate: 2}", 40, 2, 8},
		"steps":             {random, "{steps: 5, batch: 4, accumulate: 2}", 40, 2, 8},
		"cut short":         {random, "{epochs: 2, batch: 4, accumulate: 2, max_steps: 4}", 32, 2, 8},
		"long enough":       {random, "{epochs: 1, batch: 4, max_steps: 100}", 24, 1, 8},
		"none held out":     {strings.Replace(random, "validation: 8", "validation: 0", 1), "{epochs: 2, batch: 4}", 64, 2, 12},
		"arrays":            {ofArrays, "{epochs: 3, batch: 4}", 36, 3, 5},
	} {
		t.Run(name, func(t *testing.T) {
			table := fmt.Sprintf("config: quickstart\nset:\n  model: {network: tiny_net.yaml, init: random}\n  data: %s\n  train: %s\n  quant.first_last: 8\naxes: {bits: {4: {set: {quant.weights.bits: 4}}}}\n", tt.data, tt.train)
			tab := loaded(t, table, "tiny_net.yaml", tinyNet)
			costs, err := Costs(t.Context(), []*Run{tab.Cells[0].run(0)}, Options{Threads: 1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := costs[0]
			want := float64(tt.trained)/c.Pace.Training + float64(tt.evaluations*tt.evaluation)/c.Pace.Simulation
			if got := c.Time; got != time.Duration(want*float64(time.Second)) || got == 0 {
				t.Errorf("%v at %+v, want %v s", got, c.Pace, want)
			}
		})
	}
}

// What only files tell is not known without them: a budget would leave all epochs as they are.
func TestCostsOfWhatIsNotThere(t *testing.T) {
	table := "config: quickstart\nset:\n  model: {network: tiny_net.yaml, init: random}\n  data: {dataset: arrays, root: nowhere, augment: {crop: 0}, mean: 0.5, std: 0.25, classes: [a, b], arrays: {shape: [6, 6, 3], values: pixels}}\naxes: {bits: {4: {set: {quant.weights.bits: 4}}}}\n"
	tab := loaded(t, table, "tiny_net.yaml", tinyNet)
	if costs, err := Costs(t.Context(), []*Run{tab.Cells[0].run(0)}, Options{Threads: 1}, nil); err == nil || !strings.Contains(err.Error(), "nowhere does not exist") {
		t.Errorf("%v, %v", costs, err)
	}
}

// TestKinds: runs that are as fast as each other are measured once.
func TestKinds(t *testing.T) {
	cell := loaded(t, "config: quickstart\naxes: {m: {A: }}").Cells[0]
	base := cell.Config
	if kind(base) != kind(cell.run(3).Config) {
		t.Error("runs with other seeds are of other kinds")
	}
	for set, same := range map[string]bool{
		"train.optimizer.weight_decay: 0.5": true, "train.lr: 0.125": true, "train.epochs: 7": true,
		"train.optimizer.kind: adam": false, "train.batch: 3": false, "quant.weights.bits: 3": false, "model.arch: resnet32": false,
	} {
		other := loaded(t, "config: quickstart\naxes: {m: {A: {set: {model.init: random, "+set+"}}}}").Cells[0].Config
		if (kind(base) == kind(other)) != same {
			t.Errorf("%s: the same kind: %v; want %v", set, !same, same)
		}
	}
}
