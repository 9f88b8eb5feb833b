package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/configs"
)

// TestTheNewestResultCounts: of two results of one experiment, in whatever order they lie there.
func TestTheNewestResultCounts(t *testing.T) {
	for _, newest := range []string{"a", "b"} {
		dir := t.TempDir()
		put(t, dir, "a", &Result{Name: "a", ConfigSHA256: someHash, Finished: time.Unix(100, 0)})
		put(t, dir, "b", &Result{Name: "b", ConfigSHA256: someHash, Finished: time.Unix(100, 0)})
		put(t, dir, newest, &Result{Name: newest, ConfigSHA256: someHash, Finished: time.Unix(200, 0)})
		if err := errors.Join(os.WriteFile(filepath.Join(dir, resultsFolder, "README"), nil, 0o666), os.Mkdir(filepath.Join(dir, resultsFolder, "old.json"), 0o777)); err != nil {
			t.Fatal(err)
		}
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
// seed. Of other seeds, other images are held out, and a cell may have other data; where the data lies does not matter.
func TestOtherData(t *testing.T) {
	tab := loaded(t, "config: quickstart\naxes: {bits: {4: , 2: {set: {quant.weights.bits: 2, data.root: elsewhere}}, few: {set: {data.validation: 7}}}}\nseeds: 2")
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
	for _, text := range []string{"", "{", "[]", "null", `{"format": "qat.result.0"}`, `{"format": "qat.result.1"}`, `{"format": "qat.result.1", "test_top1": 17, "config_sha256": "` + someHash + `"}`, `{"format": "qat.result.1", "config_sha256": "0"}`} {
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

func TestMostVersion(t *testing.T) {
	for range 20 { // in another order each time
		if got := mostVersion(map[string]*Result{"a": {Version: "v1"}, "b": {Version: "v3"}, "c": {Version: "v2"}}); got != "v3" {
			t.Fatalf("%q; want the latest of as many", got)
		}
		if got := mostVersion(map[string]*Result{"a": {Version: "v1"}, "b": {Version: "v3"}, "c": {Version: "v1"}}); got != "v1" {
			t.Fatalf("%q; want that of most", got)
		}
	}
}

// Results of earlier versions count: what a config says is what it said then, whatever keys have come.
func TestCommittedResults(t *testing.T) {
	files, err := filepath.Glob("../docs/results/*/results/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d results, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Config string
			SHA256 string `json:"config_sha256"`
		}
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
		cfg, err := configs.Parse(file, []byte(r.Config))
		if err != nil {
			t.Fatal(err)
		}
		if h := hash(cfg); h != r.SHA256 {
			t.Errorf("%s: its config has the hash %s now, and had %s", file, h, r.SHA256)
		}
	}
}
