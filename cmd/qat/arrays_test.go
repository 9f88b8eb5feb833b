package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qat-go/qat/internal/npy"
	"github.com/qat-go/qat/internal/npy/npytest"
)

// A network of features (N, F) is described, trained, evaluated and run on a file, all alike.
func TestFeatures(t *testing.T) {
	const n, features = 40, 70
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float32, n*features), make([]int32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for i := range y {
		y[i] = int32(i % 4)
		x[i*features+i%4] += 4
	}
	data := npytest.Save(t, "", map[string][]byte{"x_train": npytest.Array(x, n, features), "y_train": npytest.Array(y, n), "x_test": npytest.Array(x, n, features), "y_test": npytest.Array(y, n)})
	dir := t.TempDir()
	config := filepath.Join(dir, "mlp.yaml")
	if err := os.WriteFile(config, []byte(`
model: {network: {nodes: [{linear: {out: 16}}, relu, {linear: {out: classes}}]}}
data: {dataset: arrays, mean: 0, std: 1}
train: {epochs: 1, batch: 10}
quant: {weights: {bits: 4}, activations: {bits: 4}}
`), 0o666); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := command(args...)
		if status != 0 {
			t.Fatalf("%v: status %d\n%s", args, status, stderr)
		}
		return stdout
	}
	if out := run("data", "info", "arrays", "--data", data); !strings.Contains(out, "1x1x70") || !strings.Contains(out, "x_train.npy") || !strings.Contains(out, fmt.Sprintf("\ntrain     %d images\ntest      %[1]d images\n", n)) {
		t.Errorf("the data set is\n%s", out)
	}
	if status, _, stderr := command("config", "check", config, "data.root="+filepath.Join(dir, "none")); status == 0 || !strings.Contains(stderr, "data.arrays.shape and data.classes say what they will be") {
		t.Errorf("without data: status %d\n%s", status, stderr)
	}
	run("config", "check", config, "data.root="+filepath.Join(dir, "none"), "data.arrays.shape=[1,1,70]", "data.classes=[a,b,c,d]")
	if status, _, stderr := command("train", config, "--data", data, "data.mean=[1,2,3]", "--out", filepath.Join(dir, "bad")); status != 2 ||
		!strings.Contains(stderr, `argument "data.mean=[1,2,3]": data.mean has 3 numbers; wanted 1, or one for each of the 70 channels of arrays`) {
		t.Errorf("three means: status %d\n%s", status, stderr)
	}
	if status, _, stderr := command("train", config, "--data", data, "model.network=none", "model.arch=vgg11_bn", "--out", filepath.Join(dir, "bad")); status != 2 || !strings.Contains(stderr, "the images of data.dataset arrays are 1x1x70") {
		t.Errorf("VGG on features: status %d\n%s", status, stderr)
	}
	same := slices.Clone(x)
	for i := range n {
		same[i*features+5], same[i*features+9] = 7, 0
	}
	constant := npytest.Save(t, "a.npz", map[string][]byte{"x": npytest.Array(same, n, features), "y": npytest.Array(y, n)})
	if status, _, stderr := command("train", config, "--data", constant, "data.std=auto", "--out", filepath.Join(dir, "bad")); status != 2 ||
		!strings.Contains(stderr, `argument "data.std=auto": data.std: auto: channel 5 (and 1 more) is the same in all 32 training images of arrays; leave it out`) {
		t.Errorf("a constant feature: status %d\n%s", status, stderr)
	}
	out := filepath.Join(dir, "run")
	run("train", config, "--data", data, "--out", out, "--plain")
	for _, model := range []string{out, filepath.Join(out, "model.safetensors")} {
		predictions, logits := filepath.Join(t.TempDir(), "p.csv"), filepath.Join(t.TempDir(), "y.npy")
		args := []string{"eval", model, "--data", data, "--predictions", predictions, "--plain"}
		if model != out {
			args = append(args, "--dataset", "arrays")
		}
		run(args...)
		run("infer", model, "--input", filepath.Join(data, "x_test.npy"), "--output", logits, "--plain")
		table, err := os.ReadFile(predictions)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
		if err != nil || len(rows) != 1+n {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		b, err := os.ReadFile(logits)
		if err != nil {
			t.Fatal(err)
		}
		r, err := npy.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 4*n)
		if _, err := r.Read(got); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows[1:] {
			for c, v := range got[4*i:][:4] {
				if text := strconv.FormatFloat(float64(v), 'g', -1, 32); text != row[3+c] {
					t.Fatalf("example %d, class %d: infer gives %s, eval %s", i, c, text, row[3+c])
				}
			}
		}
	}
	if status, _, stderr := command("infer", out, config); status == 0 || !strings.Contains(stderr, "takes numbers that are no pixels; give them by --input") {
		t.Errorf("an image for a network of numbers: %s", stderr)
	}
}
