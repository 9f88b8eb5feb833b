package experiments

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/train"
)

// tiny is a table of four runs, and a twin, of some milliseconds each.
const tiny = `
title: Tiny <b>table</b>
config: quickstart
set:
  model: {network: tiny_net.yaml, init: random}
  data: {dataset: random, random: {height: 6, width: 6, classes: 3, images: 32, test_images: 12}, validation: 8, augment: {crop: 0}}
  train: {epochs: 2, batch: 4}
  export.formats: []
axes:
  bits: {8: {set: {quant.weights.bits: 8, quant.activations.bits: 8}}, 4: {set: {quant.weights.bits: 4, quant.activations.bits: 4}, published: {dataset: CIFAR-10, network: ResNet-20, method: PACT, w_bits: 4, a_bits: 4}}}
seeds: 2
`

const tinyNet = "nodes:\n  - conv: {out: 8, kernel: 3}\n  - batch_norm\n  - relu\n  - conv: {out: 8, kernel: 3}\n  - relu\n  - global_average_pool\n  - linear: {out: classes}\n"

// heard remembers what Reproduce tells, and ends the work when it has begun so many runs.
type heard struct {
	silence
	begun, done []string
	steps       int
	stepped     func(n int)
	failed      []error
	until       int
	stop        func()
}

func (h *heard) Begin(r *Run, place, of int) {
	if h.begun = append(h.begun, r.Name()); h.stop != nil && len(h.begun) == h.until {
		h.stop()
	}
}

func (h *heard) Step(train.StepInfo) {
	if h.steps++; h.stepped != nil {
		h.stepped(h.steps)
	}
}

func (h *heard) End(r *Run, res *Result, err error) {
	h.done = append(h.done, r.Name())
	if err != nil {
		h.failed = append(h.failed, err)
	}
}

func reproduce(t *testing.T, ctx context.Context, tab *Table, dir string, o Options) (*Outcome, error) {
	t.Helper()
	runs, err := Runs(tab.Cells, tab.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir, o.Threads = dir, 1
	if o.Version == "" {
		o.Version = "v1"
	}
	return Reproduce(ctx, tab, runs, o)
}

// results are the files of a table's results, but for what the clock says.
func results(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, resultsFolder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		res, err := readResult(f)
		if err != nil {
			t.Fatal(err)
		}
		res.Finished, res.Seconds, res.ImagesPerSecond = time.Time{}, 0, 0
		js, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(js)
	}
	return all
}

// TestReproduce: a table that was stopped goes on, and ends with the results of one that was not.
func TestReproduce(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	whole, pieces := t.TempDir(), t.TempDir()
	out, err := reproduce(t, context.Background(), tab, whole, Options{})
	if err != nil || out.Made != 6 || out.Known != 0 || len(out.Failed) > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &heard{until: 3, stop: cancel}
	out, err = reproduce(t, ctx, tab, pieces, Options{Progress: h})
	if !errors.Is(err, train.ErrInterrupted) || out.Made != 2 {
		t.Fatalf("%+v, %v; want an interruption in the third run", out, err)
	}
	h = &heard{}
	if out, err = reproduce(t, context.Background(), tab, pieces, Options{Progress: h}); err != nil || out.Made != 4 || out.Known != 2 || len(h.begun) != 4 {
		t.Fatalf("%+v, %v, begun %v; want the other four", out, err, h.begun)
	}
	a, b := results(t, whole), results(t, pieces)
	if len(a) != 6 || len(b) != 6 {
		t.Fatalf("%d and %d results; want 6", len(a), len(b))
	}
	for name, text := range a {
		if b[name] != text {
			t.Errorf("%s differs in the table that was stopped:\n%s\n%s", name, text, b[name])
		}
	}
	if out, err = reproduce(t, context.Background(), tab, whole, Options{}); err != nil || out.Made != 0 || out.Known != 6 {
		t.Errorf("a full table: %+v, %v", out, err)
	}
	checkShown(t, tab, whole)
}

// checkShown looks at what a full tiny table shows.
// Names that changed, and how often is logged, keep no run from going on: no result depends on them.
func TestRunsUnderOtherNames(t *testing.T) {
	tab, dir := loaded(t, tiny, "tiny_net.yaml", tinyNet), t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := reproduce(t, ctx, tab, dir, Options{Progress: &heard{stepped: func(n int) {
		if n == 20 { // in the second epoch of the second run
			cancel()
		}
	}}}); !errors.Is(err, train.ErrInterrupted) {
		t.Fatalf("%v; want an interruption in the second run", err)
	}
	for _, c := range tab.Cells {
		own := *c.Config
		own.Name, own.Description, own.Train.LogEvery = "renamed", "of another name", 3
		c.Config = &own
	}
	h := &heard{}
	out, err := reproduce(t, context.Background(), tab, dir, Options{Progress: h})
	if err != nil || out.Made != 5 || out.Known != 1 || len(out.Failed) > 0 {
		t.Errorf("%+v, %v; want five, and one that is known", out, err)
	}
	if want := 6*12 - 20; h.steps != want {
		t.Errorf("%d steps; want %d, the rest of the second run first", h.steps, want)
	}
}

func checkShown(t *testing.T, tab *Table, dir string) {
	t.Helper()
	cells, err := Summarize(tab, tab.Cells, tab.Seeds, dir)
	if err != nil {
		t.Fatal(err)
	}
	known, err := readResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cells {
		if len(s.Results) != 2 || s.Results[0].Seed != 0 || s.Results[1].Seed != 1 || s.Drop == nil || len(s.Stale) > 0 {
			t.Fatalf("%s: %d results, drop %v, stale %v", s.Cell.Name(), len(s.Results), s.Drop, s.Stale)
		}
		want, drop := 0.0, 0.0
		for _, seed := range tab.Seeds {
			r := s.Cell.run(seed)
			twin, err := r.twin()
			if err != nil {
				t.Fatal(err)
			}
			want += 50 * known[r.Hash].Test
			drop += 50 * (known[twin.Hash].Test - known[r.Hash].Test)
		}
		if d := s.Mean - want; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: mean %v; want %v", s.Cell.Name(), s.Mean, want)
		}
		if d := *s.Drop - drop; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: drop %v; want %v", s.Cell.Name(), *s.Drop, drop)
		}
		res := s.Results[0]
		if res.Chosen != "best" || res.Mode != "integer" || len(res.Curve) != 2 || res.Length != "2ep" || res.FullLength != "2ep" || res.TestImages != 12 || res.SHA256["validation"] == "" {
			t.Errorf("%s: %+v", s.Cell.Name(), res)
		}
	}
	if err := Write(dir, tab, cells); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "table.html"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(page); strings.Contains(text, "<b>table") || !strings.Contains(text, "&lt;b&gt;table") || !strings.Contains(text, "<svg") || strings.Contains(text, "://") && !strings.Contains(text, "http://www.w3.org/2000/svg") {
		t.Error("the page has markup of its texts, no picture, or asks for other files")
	}
	f, err := os.Open(filepath.Join(dir, "table.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 3 || strings.Join(lines[0][:7], ",") != "bits,published_top1,published_drop,measured_top1,measured_spread,measured_drop,seeds" || lines[2][1] != "91.30" || lines[2][2] != "0.30" || lines[2][6] != "2" {
		t.Errorf("%v, %v", lines, err)
	}
}

// TestRunsThatOthersMake: a run that got its result since the command began is not made again, unless that is of a version that is
// to be redone.
func TestRunsThatOthersMake(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	theirs := t.TempDir()
	if _, err := reproduce(t, context.Background(), tab, theirs, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		version     string
		stale       Stale
		made, known int
	}{{"v1", RefuseStale, 1, 2}, {"v2", RedoStale, 3, 0}} {
		dir := t.TempDir()
		h := &heard{until: 1, stop: func() {
			if err := os.CopyFS(filepath.Join(dir, resultsFolder), os.DirFS(filepath.Join(theirs, resultsFolder))); err != nil {
				t.Fatal(err)
			}
		}}
		out, err := reproduce(t, context.Background(), tab, dir, Options{Version: c.version, Stale: c.stale, Progress: h})
		if err != nil || out.Made != c.made || out.Known != c.known || len(h.begun) != c.made {
			t.Errorf("%+v, begun %v, %v; want %d made", out, h.begun, err, c.made)
		}
	}
}

// TestAFailedCell: a run that fails is told, and the others go on.
func TestAFailedCell(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	tab.Cells[0].Config.Model.Init = filepath.Join(t.TempDir(), "gone.pt")
	h := &heard{}
	out, err := reproduce(t, context.Background(), tab, t.TempDir(), Options{Progress: h})
	if err != nil || len(out.Failed) != 2 || out.Made != 2 || len(h.failed) != 2 { // the cell and its twin
		t.Errorf("%+v, %v", out, err)
	}
}

// TestTheBestEpochCounts: a result has the accuracy of best.qat, also where that is not the last epoch's network, or where the last
// epoch's has batch norms that were measured anew.
func TestTheBestEpochCounts(t *testing.T) {
	for _, set := range []string{"", "  quant.batch_norm_reestimation: 1\n"} {
		tab := loaded(t, strings.Replace(tiny, "  export.formats: []\n", "  export.formats: []\n"+set, 1), "tiny_net.yaml", tinyNet)
		if set != "" {
			tab.Seeds = FirstSeeds(5)
		}
		dir := t.TempDir()
		if _, err := reproduce(t, context.Background(), tab, dir, Options{}); err != nil {
			t.Fatal(err)
		}
		runs, err := Runs(tab.Cells, tab.Seeds)
		if err != nil {
			t.Fatal(err)
		}
		known, err := Known(dir, runs)
		if err != nil {
			t.Fatal(err)
		}
		differ := 0
		for i, r := range runs {
			res := known[i]
			m := &maker{opt: Options{Threads: 1}}
			want, err := m.best(context.Background(), res.Mode, filepath.Join(dir, runsFolder, r.File()))
			if err != nil || res.Test != want || res.Chosen != "best" {
				t.Errorf("%s seed %d: %v of epoch %d, which is %s; want %v, %v", r.Name(), r.Seed, res.Test, res.BestEpoch, res.Chosen, want, err)
			}
			if res.Test != res.LastTest && (set == "") == (res.BestEpoch < 2) {
				differ++
			}
		}
		if differ == 0 {
			t.Errorf("%q: no run whose best network is not the last; the test shows nothing", set)
		}
	}
}

// TestMissingData: data that is not there ends a table whose first run wants it; later it is told, and the others go on.
func TestMissingData(t *testing.T) {
	nowhere := filepath.ToSlash(filepath.Join(t.TempDir(), "nowhere"))
	const there = "There: {set: {data: {dataset: random, random: {height: 6, width: 6, classes: 3, images: 32, test_images: 12}, augment: {crop: 0}}}}"
	gone := fmt.Sprintf("Gone: {set: {data: {dataset: cifar10, root: %q}}}", nowhere)
	for _, c := range []struct {
		axis         string
		made, failed int
	}{{there + ", " + gone, 2, 2}, {gone + ", " + there, 0, 0}} {
		table := "config: quickstart\nset: {model: {network: tiny_net.yaml, init: random}, train: {epochs: 1, batch: 4}, export.formats: []}\naxes: {m: {" + c.axis + "}}\n"
		tab := loaded(t, table, "tiny_net.yaml", tinyNet)
		out, err := reproduce(t, context.Background(), tab, t.TempDir(), Options{})
		missing := (*datasets.MissingError)(nil)
		if stops := c.made == 0; errors.As(err, &missing) != stops || out.Made != c.made || len(out.Failed) != c.failed {
			t.Errorf("%s: %+v, %v", c.axis, out, err)
		}
	}
}

// TestInUse: a run that another process makes is left to it.
func TestInUse(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	runs, err := Runs(tab.Cells, tab.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := train.LockDir(context.Background(), filepath.Join(dir, runsFolder, runs[1].File()), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if out, err := reproduce(t, context.Background(), tab, dir, Options{}); err != nil || out.Elsewhere != 1 || out.Made != 2 || len(out.Failed) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestMemory: a run for which there is not enough memory is told, and the others go on; it is not measured either.
func TestMemory(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	large := tab.Cells[1].Config
	large.Train.EvalBatch, large.Data.Random.Height, large.Data.Random.Width = 8192, 2048, 2048 // 400 GB of images
	out, err := reproduce(t, context.Background(), tab, t.TempDir(), Options{})
	if err != nil || out.Made != 2 || len(out.Failed) != 2 { // the cell and its twin
		t.Fatalf("%+v, %v", out, err)
	}
	costs, err := Costs(context.Background(), []*Run{tab.Cells[1].run(0)}, Options{Threads: 1}, nil)
	for _, err := range []error{out.Failed[0].Err, out.Failed[1].Err, err} {
		if err == nil || !strings.Contains(err.Error(), "the run needs about ") {
			t.Errorf("%v (%v)", err, costs)
		}
	}
}
