//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/train"
)

// Images in folders are trained on, killed in the middle and resumed to the same bits, and the integer network is evaluated.
func TestFolderToIntegers(t *testing.T) {
	if portable() {
		t.Skip("trains for minutes without kernels for this CPU")
	}
	dir := t.TempDir()
	classes := []string{"ant", "bee", "cat", "dog", "emu"}
	for split, n := range map[string]int{"train": 8, "val": 2} {
		if err := drawClasses(filepath.Join(dir, split), n, classes...); err != nil {
			t.Fatal(err)
		}
	}
	toIntegers(t, "step 8/15", "folder_quickstart", "--data", dir, "train.batch=8", "train.epochs=3")
}

// toIntegers trains as args say, once to the end, and once with a kill when a step is told; both give the same bits, the loss
// falls, and the export is as accurate as the run said.
func toIntegers(t *testing.T, kill string, args ...string) {
	t.Helper()
	dir := t.TempDir()
	training := func(run string) []string {
		return slices.Concat([]string{"train", "--plain", "--json", "--out", filepath.Join(dir, run)}, args, []string{"train.log_every=1", "train.checkpoint_every=3it"})
	}
	done := func(what []string) []byte {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if status := Main(what, nil, &stdout, &stderr); status != exitDone {
			t.Fatalf("%s: exit status %d\n%s", strings.Join(what, " "), status, &stderr)
		}
		return stdout.Bytes()
	}
	var result train.Result
	if err := json.Unmarshal(done(training("whole")), &result); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program(t), training("killed")...)
	stderr, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), kill) {
	}
	_ = c.Process.Kill()
	if err := c.Wait(); err == nil {
		t.Errorf("the run ends before %q", kill)
	}
	done(append(training("killed"), "--resume"))

	read := func(run, file string) []byte {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, run, file))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(read("whole", "model.safetensors"), read("killed", "model.safetensors")) {
		t.Error("a run that was killed ends with other bits")
	}
	var losses []float64
	for line := range bytes.Lines(read("killed", train.MetricsFile)) {
		var epoch struct {
			Kind string
			Loss float64 `json:"train_loss"`
		}
		if err := json.Unmarshal(line, &epoch); err != nil {
			t.Fatal(err)
		}
		if epoch.Kind == "epoch" {
			losses = append(losses, epoch.Loss)
		}
	}
	t.Logf("losses %.3v, accuracy %v", losses, result.Test)
	if n := len(losses); n < 1 || n > 1 && losses[n-1] >= losses[0] {
		t.Errorf("losses of epochs: %v", losses)
	}
	var eval struct {
		Top1 float64 `json:"test_top1"`
		Mode string
	}
	if err := json.Unmarshal(done(append([]string{"eval", filepath.Join(dir, "whole"), "--json"}, args[1:3]...)), &eval); err != nil {
		t.Fatal(err)
	}
	if eval.Mode != "integer" || eval.Top1 != result.Test {
		t.Errorf("evaluated: %+v; the run said %v", eval, result.Test)
	}
}
