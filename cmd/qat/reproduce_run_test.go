package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qat-go/qat/experiments"
	"github.com/qat-go/qat/train"
)

// full is a device that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A table that cannot be printed has its files all the same.
func TestTablesAreWrittenWhereTheyCannotBePrinted(t *testing.T) {
	table, err := experiments.Load("mini", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, js := range []bool{false, true} {
		dir := t.TempDir()
		cells, err := showTable(&openedTable{table, table.Cells, table.Seeds, dir}, js, full{})
		if err == nil || len(cells) != len(table.Cells) {
			t.Errorf("%d cells, %v", len(cells), err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "table.csv"))
		if err != nil || bytes.Count(text, []byte("\n")) != 1+len(table.Cells) {
			t.Errorf("%v, table.csv:\n%s", err, text)
		}
	}
}

// A table is not compared with what is expected before the runs of other processes are done.
func TestExpectWaitsForOthers(t *testing.T) {
	if portable() {
		t.Skip("trains for minutes without kernels for this CPU")
	}
	t.Parallel() // it waits for a lock
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("net.yaml", "nodes:\n  - global_average_pool\n  - linear: {out: classes}\n")
	file("own.yaml", "model: {network: net.yaml, init: random}\ndata: {dataset: random, random: {height: 4, width: 4, classes: 2, images: 8, test_images: 4}, augment: {crop: 0}}\n"+
		"train: {epochs: 1, batch: 8}\nquant: {weights: {bits: fp}, activations: {bits: fp}, first_last: fp, residual: fp}\nexport: {formats: []}\n")
	table, err := experiments.Load(file("mine.yaml", "config: own\naxes: {train.lr: [0.1, 0.2]}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := experiments.Runs(table.Cells, table.Seeds)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := train.LockDir(t.Context(), filepath.Join(dir, "runs", runs[1].File()), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	var stdout, stderr bytes.Buffer
	o := reproduceOptions{out: dir, threads: 1, part: experiments.Shard{Of: 1}, expect: file("expected.csv", "train.lr,seeds\n0.1,1\n0.2,1\n")}
	if err := runTable(t.Context(), o, table, &stdout, &stderr); err == nil || !strings.Contains(err.Error(), "is not compared with --expect before other processes") {
		t.Errorf("%v after\n%s", err, &stderr)
	}
	lock.Release()
	if err := runTable(t.Context(), o, table, &stdout, &stderr); err != nil {
		t.Errorf("%v after\n%s", err, &stderr)
	}
}

// The time that is left is that of the runs that are left, the next one among them.
func TestTimeLeft(t *testing.T) {
	var out bytes.Buffer
	p := &tableProgress{progress: &progress{w: &out}, start: time.Now().Add(-300 * time.Hour), made: 3}
	p.Begin(&experiments.Run{}, 4, 5)
	_, text, _ := strings.Cut(out.String(), "; about ")
	left, err := time.ParseDuration(strings.TrimSuffix(text, " left\n"))
	if err != nil || left < 200*time.Hour || left > 201*time.Hour {
		t.Errorf("%q; want 200 h", &out)
	}
}
