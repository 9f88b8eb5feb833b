//go:build long

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/safetensors"
	"github.com/qat-go/qat/train"
)

// TestBefore holds another build, $QAT_BEFORE, beside this one. For every config in it, 20 training steps give the same
// losses, arrays and exports, to the bit. What it leaves is read: its checkpoint is exported to the same bytes and evaluated to
// the same accuracy, and a run that it began goes on to the same end.
func TestBefore(t *testing.T) {
	before := os.Getenv("QAT_BEFORE")
	if before == "" {
		t.Skip("set QAT_BEFORE to the path of the qat to compare with")
	}
	list, err := exec.Command(before, "config", "list", "--json").Output()
	var embedded struct{ Configs []struct{ Name string } }
	if err == nil {
		err = json.Unmarshal(list, &embedded)
	}
	if err != nil {
		t.Fatalf("%s: %v", before, err)
	}
	for _, c := range embedded.Configs {
		t.Run(c.Name, func(t *testing.T) { besideBefore(t, before, c.Name) })
	}
}

func besideBefore(t *testing.T, before, config string) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	training := func(run string) []string {
		return []string{"train", config, "data.dataset=cifar10-mini", "train.batch=32", "train.max_steps=20", "train.log_every=1",
			"train.checkpoint_every=10it", "export.formats=[]", "--plain", "--out", in(run)}
	}
	export := func(run, to string) []string {
		return []string{"export", in(run), "--format", "safetensors,npz,qonnx", "-o", in(to)}
	}
	if said, err := exec.Command(before, training("before")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	exec.Command(before, export("before", "exported before")...).Run() // which not every network has
	exported := func(run, to string) {
		t.Helper()
		Main(export(run, to), nil, &bytes.Buffer{}, &bytes.Buffer{})
		want, _ := filepath.Glob(in("exported before/*"))
		got, _ := filepath.Glob(in(to + "/*"))
		if len(got) != len(want) {
			t.Errorf("%s: exports are %q, before %q", run, got, want)
			return
		}
		for i := range want {
			if !bytes.Equal(read(t, got[i]), read(t, want[i])) {
				t.Errorf("%s: %s differs", run, filepath.Base(want[i]))
			}
		}
	}

	runQat(t, training("now")...)
	equalRuns(t, in("before"), in("now"))
	exported("now", "exported now")

	exported("before", "exported from before")
	var stdout bytes.Buffer
	if got := Main([]string{"eval", in("before"), "--simulate", "--json"}, nil, &stdout, &bytes.Buffer{}); got != exitDone {
		t.Errorf("eval of the run of before: exit status %d", got)
	}
	var was struct{ Result map[string]any }
	var is map[string]any
	if err := json.Unmarshal(read(t, in("before/"+train.ManifestFile)), &was); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stdout.Bytes(), &is); err != nil || is["test_top1"] != was.Result["simulated_top1"] {
		t.Errorf("the run of before is evaluated to %v, by itself to %v (%v)", is["test_top1"], was.Result["simulated_top1"], err)
	}

	c := exec.Command(before, training("resumed")...)
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(stderr); s.Scan() && !strings.HasPrefix(s.Text(), "step 12/"); {
	}
	c.Process.Kill()
	c.Wait()
	runQat(t, append(training("resumed"), "--resume")...)
	equalRuns(t, in("before"), in("resumed"))
}

// equalRuns compares the losses and arrays of two runs.
func equalRuns(t *testing.T, want, got string) {
	t.Helper()
	a, b := losses(t, want), losses(t, got)
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			t.Errorf("%s: of %d losses, the first that differs is in line %d:\n%s\nbefore\n%s", filepath.Base(got), len(a), i+1, append(b, "none")[min(i, len(b))], a[i])
			break
		}
	}
	for _, file := range []string{train.CheckpointFile, train.BestFile} {
		if _, err := os.Stat(filepath.Join(want, file)); err != nil {
			continue // a run without steps has no best
		}
		x, errX := safetensors.ReadFile(filepath.Join(want, file))
		y, errY := safetensors.ReadFile(filepath.Join(got, file))
		if errX != nil || errY != nil {
			t.Errorf("%v, %v", errX, errY)
			continue
		}
		var moved []string
		for _, p := range x.Tensors {
			if !slices.ContainsFunc(y.Tensors, func(q safetensors.Tensor) bool {
				return (q.Name == p.Name || !has(x, q.Name) && !has(y, p.Name)) && // or renamed
					q.Dtype == p.Dtype && slices.Equal(q.Shape, p.Shape) && bytes.Equal(q.Data, p.Data)
			}) {
				moved = append(moved, p.Name)
			}
		}
		if len(moved) > 0 || len(x.Tensors) != len(y.Tensors) {
			t.Errorf("%s/%s: %d arrays, before %d, of which %d have changed, such as %q", filepath.Base(got), file, len(y.Tensors), len(x.Tensors), len(moved), moved[:min(3, len(moved))])
		}
	}
}

func has(f *safetensors.File, name string) bool {
	_, err := f.Get(name)
	return err == nil
}

// losses are the lines of a run's metrics without what time has to do with.
func losses(t *testing.T, run string) (lines []string) {
	t.Helper()
	for line := range bytes.Lines(read(t, filepath.Join(run, train.MetricsFile))) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "images_per_second")
		delete(m, "top5") // earlier versions have none
		lines = append(lines, fmt.Sprint(m))
	}
	return lines
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
