package experiments

import (
	"strings"
	"testing"
)

func runNames(runs []*Run) string {
	var all []string
	for _, r := range runs {
		all = append(all, r.Name())
	}
	return strings.Join(all, "; ")
}

// TestRunsFillTheTableEarly: all cells with the first seed come before the second, a twin before its first cell and once.
func TestRunsFillTheTableEarly(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {bits: {4: , 2: {set: {quant.weights.bits: 2}}, lr: {set: {train.lr: 0.5}}, fp: {set: {quant.weights.bits: fp, quant.activations.bits: fp, quant.first_last: fp, quant.residual: fp, train.lr: 0.5}}}}\nseeds: 2")
	runs, err := Runs(tab.Cells, tab.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	const each = "float quickstart; 4; 2; lr; fp" // the twin of "lr" is the cell "fp"
	if got := runNames(runs); got != each+"; "+each {
		t.Errorf("runs %s", got)
	}
	for i, want := range map[int]*Run{1: runs[0], 2: runs[0], 3: runs[4], 4: nil} {
		twin, err := runs[i].twin()
		if err != nil || (twin == nil) != (want == nil) || twin != nil && twin.Hash != want.Hash {
			t.Errorf("the twin of %s is %s (%v); want %s", runs[i].Name(), twin.Name(), err, want.Name())
		}
	}
	if runs[0].Seed != 0 || runs[5].Seed != 1 || runs[5].Hash == runs[0].Hash || runs[5].Config.Train.Seed != 1 {
		t.Error("the second half has not the second seed")
	}
	if q := runs[0].Config.Quant; q.Weights.Bits != 0 || q.Activations.Bits != 0 {
		t.Errorf("the twin is quantized: %+v", q)
	}
	if runs[0].Config.Train.LR != tab.Cells[0].Config.Train.LR || runs[0].Config.Model.Init != tab.Cells[0].Config.Model.Init {
		t.Error("the twin has another recipe")
	}
}

// TestTwinsHaveNoScales: how quantizers learn makes no other twin.
func TestTwinsHaveNoScales(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {scales: {same: , slow: {set: {train.groups.scales.lr_multiplier: 0.01}}, decay: {set: {train.groups.scales.weight_decay: 1e-4}}, all: {set: {train.groups.batch_norm.weight_decay: 1e-4}}}}")
	runs, err := Runs(tab.Cells, tab.Seeds)
	if got := runNames(runs); err != nil || got != "float quickstart; same; slow; decay; float quickstart; all" {
		t.Errorf("runs %s (%v)", got, err)
	}
}

// TestHash: what no result depends on does not make another experiment; everything else does.
func TestHash(t *testing.T) {
	base := loaded(t, "config: quickstart\naxes: {m: {A: }}").Cells[0].Config
	for set, same := range map[string]bool{
		"name: other": true, "data.root: /elsewhere": true, "train.log_every: 7": true, "export.formats: [npz]": true, "data.workers: 3": true, "description: x": true,
		"train.lr: 0.125": false, "quant.weights.bits: 3": false, "data.validation: 10": false, "train.max_steps: 2": false, "model.init: random": false,
		"train.accumulate: 2": false, "train.mixup: 0.2": false, "train.label_smoothing: 0.1": false, "train.optimizer.kind: adamw": false, "train.weight_ema: 0.9": false,
		"data.augment.flip: false": false,
	} {
		other := loaded(t, "config: quickstart\naxes: {m: {A: {set: {"+set+"}}}}").Cells[0].Config
		if (hash(base) == hash(other)) != same {
			t.Errorf("%s: the same hash: %v; want %v", set, !same, same)
		}
	}
}

// TestEqualCells: cells that are one experiment share its run, and say so.
func TestEqualCells(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {m: {A: , B: {set: {train.lr: 0.5}}, C: {set: {name: other}}}}")
	runs, err := Runs(tab.Cells, tab.Seeds)
	if got := runNames(runs); err != nil || got != "float quickstart; A; float quickstart; B" {
		t.Fatalf("runs %s (%v)", got, err)
	}
	dir := t.TempDir()
	put(t, dir, "a", &Result{ConfigSHA256: runs[1].Hash})
	cells, err := Summarize(tab, tab.Cells, tab.Seeds, dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "", "the same experiment as A"} {
		if got := strings.Join(cells[i].Deviations(), "; "); got != want || len(cells[i].Results) != 1-i%2 {
			t.Errorf("%s: %q, %d results; want %q", tab.Cells[i].Name(), got, len(cells[i].Results), want)
		}
	}
}
