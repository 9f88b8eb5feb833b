//go:build long && unix

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const stormTable = `
config: own
axes:
  train.lr: [0.1, 0.01]
  width:
    8 bits: {set: {quant.weights.bits: 8, quant.activations.bits: 8}}
    4 bits:
seeds: 2
`

const stormConfig = `
model: {network: net.yaml, init: random}
data: {dataset: random, random: {height: 12, width: 12, classes: 3, images: 400, test_images: 100}, validation: 100, augment: {crop: 0}}
train: {epochs: 3, batch: 8, checkpoint_every: 7it}
quant: {weights: {bits: 4}, activations: {bits: 4}}
export: {formats: []}
`

const stormNet = `
nodes:
  - conv: {out: 16, kernel: 3}
  - batch_norm
  - relu
  - global_average_pool
  - linear: {out: classes}
`

// A table that is killed and terminated fifty times, half of them while two processes make it, ends with the results of one that
// nothing happened to: each once, and none at any moment that is another's.
func TestStormOfTableKills(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"mine.yaml": stormTable, "own.yaml": stormConfig, "net.yaml": stormNet} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	qat := program(t)
	start := func(out string) (*exec.Cmd, *bytes.Buffer) {
		c := exec.Command(qat, "reproduce", "mine.yaml", "--out", out, "--threads", "1")
		var said bytes.Buffer
		c.Dir, c.Stdout, c.Stderr = dir, &said, &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c, &said
	}
	began := time.Now()
	if c, said := start("whole"); c.Wait() != nil {
		t.Fatalf("%v\n%s", c.ProcessState, said)
	}
	took := time.Since(began)
	whole := tableResults(t, filepath.Join(dir, "whole"))
	if len(whole) != 12 {
		t.Fatalf("%d results; want 12: 4 cells and 2 twins, twice", len(whole))
	}
	shown, err := os.ReadFile(filepath.Join(dir, "whole", "table.csv"))
	if err != nil {
		t.Fatal(err)
	}

	rng := rand.New(rand.NewPCG(1, 2))
	killed, terminated, tables, resumed := 0, 0, 0, 0
	for ; killed+terminated < 50; tables++ {
		out := filepath.Join(dir, "stormy")
		for range 12 {
			processes := make([]*exec.Cmd, 1+tables%2)
			said := make([]*bytes.Buffer, len(processes))
			for i := range processes {
				processes[i], said[i] = start("stormy")
			}
			time.Sleep(time.Duration(rng.Float64() * 0.6 * float64(took)))
			full := true
			for i, c := range processes {
				signal, count := syscall.SIGKILL, &killed
				if rng.IntN(2) == 0 {
					signal, count = syscall.SIGTERM, &terminated
				}
				_ = c.Process.Signal(signal)
				_ = c.Wait()
				resumed += strings.Count(said[i].String(), "resuming")
				switch status := c.ProcessState.Sys().(syscall.WaitStatus); {
				case status.Signaled() && status.Signal() == syscall.SIGKILL || status.ExitStatus() == exitInterrupted:
					*count++
					full = false
				case status.ExitStatus() != exitDone:
					t.Fatalf("%v\n%s", c.ProcessState, said[i])
				}
			}
			for name, text := range tableResults(t, out) {
				if whole[name] != text {
					t.Fatalf("%s in a table that was killed:\n%s\nwant\n%s", name, text, whole[name])
				}
			}
			if full {
				break
			}
		}
		if c, said := start("stormy"); c.Wait() != nil {
			t.Fatalf("%v\n%s", c.ProcessState, said)
		}
		got := tableResults(t, out)
		if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, slices.Sorted(maps.Keys(whole))) {
			t.Errorf("results %q; want those of the whole table", names)
		}
		if text, err := os.ReadFile(filepath.Join(out, "table.csv")); err != nil || !bytes.Equal(text, shown) {
			t.Errorf("table.csv (%v):\n%s\nwant\n%s", err, text, shown)
		}
		runs, err := os.ReadDir(filepath.Join(out, "runs"))
		if err != nil || len(runs) != len(whole) {
			t.Errorf("%d folders of runs, %v; want %d", len(runs), err, len(whole))
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills and %d terminations of %d tables, of which every other one was made by two processes; %d runs went on where they were; a table takes %v", killed, terminated, tables, resumed, took)
}

// tableResults are the files of a table's results without what a clock says.
func tableResults(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join(dir, "results", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatalf("%s: %v\n%s", f, err, text)
		}
		for _, clock := range []string{"finished", "seconds", "images_per_second"} {
			if fields[clock] == nil {
				t.Errorf("%s: no %s", f, clock)
			}
			delete(fields, clock)
		}
		left, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = string(left)
	}
	return all
}
