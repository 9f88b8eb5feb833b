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

func TestShards(t *testing.T) {
	for text, want := range map[string]Shard{"0/1": {0, 1}, "3/4": {3, 4}} {
		if s, err := ParseShard(text); err != nil || s != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "1", "1/1", "-1/2", "0/0", "a/b", "1/2/3", "4/4"} {
		if s, err := ParseShard(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
	runs := make([]*Run, 7)
	seen := map[int]bool{}
	for i := range runs {
		runs[i] = &Run{Seed: uint64(i)}
	}
	for i := range 3 {
		for _, r := range (Shard{i, 3}).Part(runs) {
			if seen[int(r.Seed)] || int(r.Seed)%3 != i {
				t.Errorf("run %d is in two shards, or not in its own", r.Seed)
			}
			seen[int(r.Seed)] = true
		}
	}
	if len(seen) != len(runs) {
		t.Errorf("%d of %d runs are in a shard", len(seen), len(runs))
	}
	if (Shard{}).Part(runs) != nil {
		t.Error("no shard has runs")
	}
}

func TestShardOfAJob(t *testing.T) {
	for _, c := range []struct {
		env    string
		shards int
		want   Shard
		fails  string
	}{
		{"", 0, Shard{0, 1}, ""},
		{"SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 0, Shard{2, 4}, ""},
		{"SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 0, Shard{}, "SLURM_ARRAY_TASK_ID 9 less SLURM_ARRAY_TASK_MIN 5 is no shard of SLURM_ARRAY_TASK_COUNT 4"}, // --array=5-9:2 and the like
		{"SLURM_ARRAY_TASK_ID=7", 0, Shard{}, "SLURM_ARRAY_TASK_MIN: wanted a whole number, found \"\""},
		{"SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 0, Shard{}, "is no shard"},
		{"SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=0", 0, Shard{}, "is no shard"},
		{"JOB_COMPLETION_INDEX=2", 3, Shard{2, 3}, ""},
		{"JOB_COMPLETION_INDEX=3", 3, Shard{}, "JOB_COMPLETION_INDEX 3 is no shard of 3"},
		{"JOB_COMPLETION_INDEX=2", 0, Shard{0, 1}, ""},
		{"", 3, Shard{}, "JOB_COMPLETION_INDEX is not set"},
	} {
		env := map[string]string{}
		for _, kv := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
		s, err := ShardOf(func(k string) string { return env[k] }, c.shards)
		if c.fails == "" && (err != nil || s != c.want) || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%q with %d shards: %v, %v", c.env, c.shards, s, err)
		}
	}
}

func TestSweep(t *testing.T) {
	tab, err := Sweep("quickstart", []string{"train.lr=0.1,0.01", "seed=0..2", "train.epochs=2", "quant.weights.bits=4,2"})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(tab); got != "0.1 4; 0.1 2; 0.01 4; 0.01 2" || len(tab.Seeds) != 3 || tab.Name != "quickstart-train.lr-quant.weights.bits" {
		t.Errorf("%s: cells %s, seeds %v", tab.Name, got, tab.Seeds)
	}
	if c := tab.Cells[3].Config; c.Train.LR != 0.01 || c.Quant.Weights.Bits != 2 || c.Train.Epochs != 2 {
		t.Errorf("the last cell has lr %v, %d bits, %d epochs", c.Train.LR, c.Quant.Weights.Bits, c.Train.Epochs)
	}
	if tab, err := Sweep("quickstart", []string{"train.seed=3,1"}); err != nil || len(tab.Seeds) != 2 || tab.Seeds[0] != 3 || len(tab.Cells) != 1 {
		t.Errorf("seeds as a key of the config: %+v, %v", tab, err)
	}
	for arg, want := range map[string]string{
		"train.lr": "wanted key=value", "train.lr=": "wanted key=value", "train.lr=0.1,x": `train.lr: wanted`, "trian.lr=1,2": `unexpected key "trian"`, "seed=x": "seeds: wanted",
	} {
		if _, err := Sweep("quickstart", []string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", arg, err, want)
		}
	}
}

func TestSplitValues(t *testing.T) {
	for text, want := range map[string]string{
		"1,2": "1|2", "[1,2],[3]": "[1,2]|[3]", "{a: 1, b: 2}": "{a: 1, b: 2}", `"a,b",'c,[d'`: `"a,b"|'c,[d'`, "it's,b": "it's|b", "0..3": "0|1|2|3", "3..0": "3..0", "0..1000": "0..1000", "a..b": "a..b", "": "",
	} {
		if got := strings.Join(splitValues(text), "|"); got != want {
			t.Errorf("%q splits into %q; want %q", text, got, want)
		}
	}
}
