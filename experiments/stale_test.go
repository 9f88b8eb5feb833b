package experiments

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/train"
)

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

// TestTwoVersionsAtOnce: what a process of another version makes meanwhile is left to it, whether it is still at it, done, or gone.
func TestTwoVersionsAtOnce(t *testing.T) {
	tab := loaded(t, strings.Replace(tiny, "seeds: 2", "seeds: 1", 1), "tiny_net.yaml", tinyNet)
	for _, stale := range []Stale{RefuseStale, RedoStale, KeepStale} {
		dir := t.TempDir()
		runs, err := Runs(tab.Cells, tab.Seeds)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, runsFolder, runs[1].File())
		other := func() {
			_, err := train.Run(context.Background(), runs[1].Config, train.Options{Out: folder, Threads: 1, Version: "v2"})
			if err != nil {
				t.Error(err)
			}
		}
		h := &heard{until: 1, stop: other} // during the first run
		out, err := reproduce(t, context.Background(), tab, dir, Options{Stale: stale, Progress: h})
		if err != nil || out.Elsewhere != 1 || out.Made != 2 || len(out.Failed) > 0 || len(h.failed) != 1 ||
			!strings.Contains(h.failed[0].Error(), folder+" was begun by version v2, this is v1") {
			t.Errorf("%q: %+v, %v, told %v", stale, out, err, h.failed)
		}
		if m, err := train.ReadManifest(folder); err != nil || m.Version != "v2" || m.Result == nil {
			t.Errorf("%q: the other's run is gone: %+v, %v", stale, m, err)
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

// TestNothingIsDiscardedInUse: what another process works in is left to it.
func TestNothingIsDiscardedInUse(t *testing.T) {
	m := &maker{opt: Options{Version: "v2", Progress: silence{}}}
	dir := t.TempDir()
	lock, err := train.LockDir(context.Background(), dir, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	for _, file := range []string{train.ManifestFile, train.CheckpointFile} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(`{"version": "v1"}`), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // it does not wait
	if err := m.discard(ctx, dir); err == nil {
		t.Error("the folder is taken")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("%v, %v; want all files", files, err)
	}
}
