package experiments

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/train"
)

func TestCompare(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	if _, err := reproduce(t, context.Background(), tab, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	runs, err := Runs(tab.Cells, tab.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, r := range runs {
		if r.Cell != nil {
			dirs = append(dirs, filepath.Join(dir, runsFolder, r.File()))
		}
	}
	c, err := Compare(dirs)
	if err != nil || len(c.Columns) != 2 || len(c.Columns[0].Runs) != 2 || c.Columns[0].Seeds[1] != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	var keys []string
	for _, s := range c.Settings {
		keys = append(keys, s.Key+"="+strings.Join(s.Values, "/"))
	}
	if got := strings.Join(keys, " "); got != "quant.weights.bits=8/4 quant.activations.bits=8/4" {
		t.Errorf("settings %s", got)
	}
	if m := c.Measures[0]; m.Name != "test_top1" || m.Means[0] == nil || m.Spreads[0] == nil {
		t.Errorf("%+v", m)
	}
	if twice, err := Compare([]string{dirs[0], dirs[0]}); err != nil || len(twice.Columns) != 2 {
		t.Errorf("two runs with one seed: %+v, %v", twice, err)
	}
	one, err := Compare(dirs[:1])
	if err != nil || one.Measures[0].Means[0] == nil || one.Measures[0].Spreads[0] != nil {
		t.Errorf("one run has a spread: %+v, %v", one, err)
	}
	if _, err := Compare([]string{t.TempDir()}); err == nil {
		t.Error("an empty folder is compared")
	}
}

// TestDiffering: descriptions are no setting, and a run without a best epoch has no accuracy of it.
func TestDiffering(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {m: {A: , B: {set: {description: other, train.lr: 0.5}}}}")
	var columns [][]*comparedRun
	for _, c := range tab.Cells {
		columns = append(columns, []*comparedRun{{cfg: c.Config, settings: c.Config.Settings(), result: &train.Result{Test: 0.5}}})
	}
	if got := differing(columns); len(got) != 1 || got[0].Key != "train.lr" || strings.Join(got[0].Values, " ") != "0.01 0.5" {
		t.Errorf("%+v", got)
	}
	for _, m := range measures {
		none := m.name == "float_top1" || m.name == "calibrated_top1" || m.name == "best_top1"
		if got := m.over(columns[:1]); (got.Means[0] == nil) != none || m.name == "test_top1" && *got.Means[0] != 0.5 {
			t.Errorf("%+v", got)
		}
	}
}
