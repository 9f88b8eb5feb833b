package experiments

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
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

// TestStaleResults: results of another version are not mixed with new ones unless that is wanted.
func TestStaleResults(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	if _, err := reproduce(t, context.Background(), tab, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	before := results(t, dir)
	h := &heard{}
	if _, err := reproduce(t, context.Background(), tab, dir, Options{Version: "v2", Progress: h}); !errors.Is(err, ErrStale) || len(h.begun) > 0 {
		t.Errorf("%v after %v", err, h.begun)
	}
	if out, err := reproduce(t, context.Background(), tab, dir, Options{Version: "v2", Stale: KeepStale}); err != nil || out.Known != 3 || out.Made != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	cells, err := Summarize(tab, tab.Cells, tab.Seeds, dir)
	if err != nil || cells[0].Deviations() != nil { // all are of one version
		t.Errorf("%v, %v", cells[0].Stale, err)
	}
	file := filepath.Join(dir, resultsFolder, tab.Cells[0].run(tab.Seeds[0]).File()+".json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte(`"v1"`), []byte(`"v0"`), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	if cells, err = Summarize(tab, tab.Cells, tab.Seeds, dir); err != nil ||
		strings.Join(cells[0].Deviations(), "; ") != "of version v0, where most are of v1" || cells[1].Stale != nil {
		t.Errorf("%q, %q, %v", cells[0].Deviations(), cells[1].Deviations(), err)
	}
	h = &heard{}
	if out, err := reproduce(t, context.Background(), tab, dir, Options{Version: "v2", Stale: RedoStale, Progress: h}); err != nil || out.Made != 3 || h.steps != 3*12 {
		t.Errorf("%+v after %d steps, %v; want those of three runs", out, h.steps, err)
	}
	for name, text := range results(t, dir) {
		if want := strings.ReplaceAll(before[name], `"version":"v1"`, `"version":"v2"`); text != want {
			t.Errorf("%s made again:\n%s\nwant\n%s", name, text, want)
		}
	}
}

// TestRunsOfTwoVersions: what another version began is not gone on with.
func TestRunsOfTwoVersions(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	for _, stale := range []Stale{RedoStale, KeepStale} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		h := &heard{stepped: func(n int) {
			if n == 5 {
				cancel()
			}
		}}
		if _, err := reproduce(t, ctx, tab, dir, Options{Progress: h}); !errors.Is(err, train.ErrInterrupted) {
			t.Fatal(err)
		}
		if _, err := reproduce(t, context.Background(), tab, dir, Options{Version: "v2"}); !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "float quickstart seed 0 is begun by version v1, this is v2;") {
			t.Errorf("%v", err)
		}
		h = &heard{}
		out, err := reproduce(t, context.Background(), tab, dir, Options{Version: "v2", Stale: stale, Progress: h})
		if err != nil || out.Made != 3 || h.steps != 3*12 {
			t.Errorf("%q: %+v after %d steps, %v; want three whole runs", stale, out, h.steps, err)
		}
		for name, text := range results(t, dir) {
			if !strings.Contains(text, `"version":"v2"`) {
				t.Errorf("%s: %s", name, text)
			}
		}
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

// TestTheNewestResultCounts: of two results of one experiment, in whatever order they lie there.
func TestTheNewestResultCounts(t *testing.T) {
	for _, newest := range []string{"a", "b"} {
		dir := t.TempDir()
		put(t, dir, "a", &Result{Name: "a", ConfigSHA256: someHash, Finished: time.Unix(100, 0)})
		put(t, dir, "b", &Result{Name: "b", ConfigSHA256: someHash, Finished: time.Unix(100, 0)})
		put(t, dir, newest, &Result{Name: newest, ConfigSHA256: someHash, Finished: time.Unix(200, 0)})
		all, err := readResults(dir)
		if err != nil || len(all) != 1 || all[someHash].Name != newest {
			t.Errorf("%+v, %v; want %s", all[someHash], err, newest)
		}
	}
}

var someHash = strings.Repeat("0", 64)

// put writes a result into a table's folder.
func put(t *testing.T, dir, name string, res *Result) {
	t.Helper()
	res.Format = resultFormat
	js, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, resultsFolder), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, resultsFolder, name+".json"), js, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestOtherData: results of other images than those of the other results are marked, also those of a float twin and of another
// seed. Of other seeds, other images are held out, and a cell may have other data.
func TestOtherData(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {bits: {4: , 2: {set: {quant.weights.bits: 2}}, few: {set: {data.validation: 7}}}}\nseeds: 2")
	runs, err := Runs(tab.Cells, tab.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	const of = "of other data than the other results "
	for _, c := range []struct {
		run   int // float, 4, 2, float, few, with seed 0, and again
		split string
		cell  int
		why   string
	}{
		{2, "test", 1, of + "(test images)"},
		{2, "train", 1, of + "(train images)"},
		{7, "test", 1, of + "(test images)"}, // of the second seed
		{0, "test", 0, "float network " + of + "(test images)"},
		{3, "validation", 2, "float network " + of + "(validation images)"},
		{9, "test", 2, of + "(test images)"},
		{9, "validation", 1, ""},
		{-1, "", 0, ""},
	} {
		dir := t.TempDir()
		for i, r := range runs {
			sums := map[string]string{"test": "t", "train": fmt.Sprint(r.Seed, r.Config.Data.Validation), "validation": fmt.Sprint(r.Seed, r.Config.Data.Validation)}
			if i == c.run {
				sums[c.split] = "other"
			}
			put(t, dir, r.File(), &Result{ConfigSHA256: r.Hash, Seed: r.Seed, Version: "v", SHA256: sums})
		}
		cells, err := Summarize(tab, tab.Cells, tab.Seeds, dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(cells[c.cell].Stale, "; "); got != c.why {
			t.Errorf("run %d, %s: %q; want %q", c.run, c.split, got, c.why)
		}
	}
}

// TestDamagedResults: what is no result is told by its name.
func TestDamagedResults(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	for _, text := range []string{"", "{", "[]", "null", `{"format": "qat.result.0"}`, `{"format": "qat.result.1"}`, `{"format": "qat.result.1", "test_top1": 17, "config_sha256": "` + someHash + `"}`} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, resultsFolder), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, resultsFolder, "a.json"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := reproduce(t, context.Background(), tab, dir, Options{}); err == nil || !strings.Contains(err.Error(), "a.json: it is no result of a run") || !errors.As(err, new(*Mistake)) {
			t.Errorf("%q: %v", text, err)
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

func TestScale(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(`{"budget": "1h0m0s", "full": "2h0m0s", "share": 0.5}`), 0o666); err != nil {
		t.Fatal(err)
	}
	never := func(int, int) { t.Error("the share was measured, though the folder has one") }
	for _, wanted := range []time.Duration{0, time.Hour} {
		share, err := Scale(context.Background(), tab, wanted, Options{Dir: dir}, never)
		if err != nil || share != 0.5 {
			t.Fatal(share, err)
		}
	}
	tab = loaded(t, tiny, "tiny_net.yaml", tinyNet)
	if _, err := Scale(context.Background(), tab, 0, Options{Dir: dir}, never); err != nil {
		t.Fatal(err)
	}
	if c := tab.Cells[0]; c.Config.Train.Epochs != 1 || c.Full.String() != "2ep" {
		t.Errorf("%d epochs of %v", c.Config.Train.Epochs, c.Full)
	}
	if _, err := Scale(context.Background(), tab, 2*time.Hour, Options{Dir: dir}, never); !errors.Is(err, ErrStale) {
		t.Errorf("another budget: %v", err)
	}
	if share, err := Scale(context.Background(), tab, 0, Options{Dir: t.TempDir()}, never); share != 1 || err != nil {
		t.Errorf("no budget: %v, %v", share, err)
	}
	if err := os.WriteFile(filepath.Join(dir, budgetFile), []byte(`{"share": 0}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Scale(context.Background(), tab, 0, Options{Dir: dir}, never); err == nil {
		t.Error("a share of 0 is taken")
	}
}

// TestABudgetIsMeasured: it leaves all runs of the table the same share, and no run without an epoch.
func TestABudgetIsMeasured(t *testing.T) {
	tab := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	dir := t.TempDir()
	told := 0
	share, err := Scale(context.Background(), tab, time.Nanosecond, Options{Dir: dir, Threads: 1, Progress: &heard{}}, func(_, of int) { told = of })
	if err != nil || !(share > 0 && share < 0.01) || told != 3 { // 8 bits, 4 bits, float
		t.Fatalf("share %v of %d kinds, %v", share, told, err)
	}
	for _, c := range tab.Cells {
		if c.Config.Train.Epochs != 1 {
			t.Errorf("%s: %d epochs", c.Name(), c.Config.Train.Epochs)
		}
	}
	ample := loaded(t, tiny, "tiny_net.yaml", tinyNet)
	if share, err := Scale(context.Background(), ample, 1000*time.Hour, Options{Dir: t.TempDir(), Threads: 1}, nil); err != nil || share != 1 || ample.Cells[0].Config.Train.Epochs != 2 {
		t.Errorf("with ample time: share %v, %d epochs, %v", share, ample.Cells[0].Config.Train.Epochs, err)
	}
	if b, err := readBudget(dir); err != nil || b.Share != share || b.Budget != "1ns" {
		t.Errorf("%+v, %v", b, err)
	}
}

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

// TestChart: charts are XML, whatever their texts are.
func TestChart(t *testing.T) {
	c := &chart{title: `<&"`, x: "<x>", y: "&", logX: true, series: []series{{name: "<script>", points: [][2]float64{{1, 2}, {100, 3}}, line: true}, {name: "one", points: [][2]float64{{10, 2.5}}}}}
	svg := c.svg()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
	if strings.Contains(svg, "%!") || strings.Contains(svg, "NaN") {
		t.Error(svg)
	}
	if (&chart{series: []series{{points: [][2]float64{{1, 1}}}}}).svg() != "" {
		t.Error("a chart of one point")
	}
	same := (&chart{series: []series{{points: [][2]float64{{5, 5}, {5, 5}}}}}).svg()
	if strings.Contains(same, "NaN") || strings.Contains(same, "Inf") || same == "" {
		t.Error("a chart of equal points:", same)
	}
	for _, c := range []struct {
		chart  chart
		lo, hi float64
		want   string
	}{
		{chart{}, 0, 1, "0 0.2 0.4 0.6 0.8 1"},
		{chart{wholeX: true}, 0.5, 1.5, "1"},
		{chart{wholeX: true}, 0.9, 3.1, "1 2 3"},
		{chart{wholeX: true}, 0, 100, "0 20 40 60 80 100"},
		{chart{logX: true}, math.Log10(68), math.Log10(145), "70 80 90 100 110 120 130 140"},
		{chart{logX: true}, math.Log10(9), math.Log10(600), "10 20 50 100 200 500"},
		{chart{logX: true}, math.Log10(9), math.Log10(20000), "10 100 1000 10000"},
	} {
		var got []string
		for _, v := range c.chart.ticksX(c.lo, c.hi) {
			got = append(got, short(v))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("ticks from %v to %v: %s; want %s", c.lo, c.hi, text, c.want)
		}
	}
}

// TestDetails: what is known of a cell stands in all files.
func TestDetails(t *testing.T) {
	tab := loaded(t, `
config: resnet20_pact_w4a4
set: {train.epochs: 20}
axes: {method: {PACT: {published: {method: PACT, w_bits: 4, a_bits: 4}, epochs: 200}}}
published: {where: {dataset: CIFAR-10, network: ResNet-20}}
`)
	drop, float := 1.25, 92.25
	s := &Summary{Cell: tab.Cells[0], Mean: 91, Float: &float, Drop: &drop,
		Results: []*Result{{Seed: 3, Test: 0.91, Length: "2ep", FullLength: "20ep", SizeBytes: 2048, BitOps: 3e6}}}
	for _, c := range []struct {
		write func(io.Writer, *Table, []*Summary) error
		want  []string
	}{
		{writeDocument, []string{"| PACT | 3 | 2 of 20 | 200 | fp | fp | 2.0 KiB | 3.0 M | model.init embedded:resnet20_cifar10, there random; train.lr 0.01, there 0.1; "}},
		{WriteHTML, []string{
			"<td>PACT</td><td>91.30</td><td>0.30</td><td>91.00</td><td>1.25</td><td>92.25</td><td>3</td><td>2 of 20</td><td>200</td><td>fp</td><td>fp</td><td>2.0 KiB</td><td>3.0 M</td><td>model.init embedded:resnet20_cifar10, there random<br>train.lr 0.01, there 0.1<br>",
		}},
		{WriteCSV, []string{",2ep,20ep,200,fp,fp,2048,3000000,", "train.lr 0.01, there 0.1; "}},
	} {
		var b bytes.Buffer
		if err := c.write(&b, tab, []*Summary{s}); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "train.epochs") {
				t.Errorf("wanted %q, and no train.epochs, in\n%s", want, b.String())
			}
		}
	}
	if s.Results = nil; s.detail().Epochs != "20" || s.detail().Seeds != "none yet" || s.detail().Measured != "" {
		t.Errorf("without a result %+v", s.detail())
	}
}

func TestMarkdown(t *testing.T) {
	tab := loaded(t, twoByTwo)
	cell := func(i int, tests ...float64) *Summary {
		s := &Summary{Cell: tab.Cells[i]}
		for _, v := range tests {
			s.Results = append(s.Results, &Result{Test: v / 100, Length: "1ep", FullLength: "3ep"})
		}
		s.Mean, s.Spread = meanSpread(tests)
		return s
	}
	drop := 0.75
	a := cell(0, 91, 92)
	a.Drop = &drop
	var b bytes.Buffer
	if err := WriteMarkdown(&b, tab, []*Summary{a, cell(1), cell(2, 50), cell(3)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| method | 4/4 | 2/2 |\n|---|---|---|\n",
		"| LSQ | 91.50 ± 0.71, -0.75 (91.30, -0.30) [1] [2] [3] | (89.70, -1.90) |\n",
		"| DoReFa | 50.00 [2] |  |\n",
		"1. ends: 8bit, published with fp\n2. 1ep of 3ep, by the budget\n3. one\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("wanted %q in\n%s", want, b.String())
		}
	}
	for i, want := range map[int]Verdict{0: Within, 1: Unknown, 2: Unknown} {
		if got := []*Summary{a, cell(1), cell(2, 50)}[i].Verdict(); got != want {
			t.Errorf("verdict %d is %q; want %q", i, got, want)
		}
	}
	for test, want := range map[float64]Verdict{90.7: Below, 90.9: Within, 91.7: Within, 91.9: Above} { // 91.3 is published
		if got := cell(0, test).Verdict(); got != want {
			t.Errorf("%v is %q; want %q", test, got, want)
		}
	}
}
