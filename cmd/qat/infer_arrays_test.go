package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/datasets"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/npy"
	"github.com/qat-go/qat/threads"
)

// exportedNetwork writes a network for CIFAR-10 with random weights.
func exportedNetwork(t *testing.T, target integer.Target) (net *integer.Network, path string) {
	t.Helper()
	net = integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	d, err := datasets.Describe("cifar10-mini", datasets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	net.Classes, net.Mean, net.Std, net.Target = d.Classes, d.Mean, d.Std, target
	path = filepath.Join(t.TempDir(), "model.safetensors")
	if err := export.Write(path, configs.Safetensors, net, export.Options{}); err != nil {
		t.Fatal(err)
	}
	return net, path
}

func command(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = Main(args, nil, &out, &err)
	return status, out.String(), err.String()
}

// Arrays (N, C, H, W) give the logits of the integer network, bit for bit.
func TestInferArrays(t *testing.T) {
	net, model := exportedNetwork(t, integer.Float32)
	const n = 103 // more than a batch
	rng := rand.New(rand.NewPCG(3, 4))
	file, x := make([]float32, n*3*32*32), make([]float32, n*3*32*32)
	for i := range file {
		file[i] = float32(rng.NormFloat64())
		image, channel, pixel := i/3072, i%3072/1024, i%1024
		x[image*3072+pixel*3+channel] = file[i]
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "x.npy"), filepath.Join(dir, "y.npy")
	write := func(shape ...int) {
		t.Helper()
		if err := os.WriteFile(in, npy.AppendFloat32s(npy.Header("<f4", shape...), file), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(n, 3, 32, 32)
	if status, _, stderr := command("infer", model, "--input", in, "--output", out); status != exitDone {
		t.Fatal(stderr)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := npy.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || !slices.Equal(r.Shape, []int{n, 10}) {
		t.Fatalf("%v, %v", r.Shape, err)
	}
	got := make([]float32, n*10)
	if _, err := r.Read(got); err != nil {
		t.Fatal(err)
	}
	pool := threads.New(1)
	defer pool.Close()
	runner, err := integer.NewRunner(net, pool, n)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := runner.Run(x, n); err != nil || !slices.Equal(got, want) {
		t.Errorf("logits differ (%v)", err)
	}
	write(n*32, 3, 32)
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{exitFailed, "wanted (N, 3, 32, 32)", []string{model, "--input", in, "--output", out}},
		{exitUsage, "go together", []string{model, "--input", in}},
		{exitUsage, "takes the place of images", []string{model, "cat.png", "--input", in, "--output", out}},
		{exitUsage, "which would be replaced", []string{model, "--input", in, "--output", model}},
		{exitUsage, "is the input", []string{model, "--input", in, "--output", in}},
		{exitUsage, "wanted a NumPy array", []string{model, "--input", model, "--output", out}},
		{exitUsage, "is missing", []string{model, "--input", "none.npy", "--output", out}},
		{exitUsage, "--simulate needs a run or a checkpoint", []string{model, "--input", in, "--output", out, "--simulate"}},
		{exitUsage, "--simulate goes with --input", []string{model, "a.png", "--simulate"}},
	} {
		if status, _, stderr := command(append([]string{"infer"}, c.args...)...); status != c.status || !strings.Contains(stderr, c.want) {
			t.Errorf("%q: status %d, %s", c.args, status, stderr)
		}
	}
	write(n, 32, 32, 3) // as data.dataset arrays takes them
	if status, _, stderr := command("infer", model, "--input", in, "--output", out); status != exitFailed || !strings.Contains(stderr, "for training; save x.transpose(0, 3, 1, 2)") {
		t.Errorf("channels last: status %d, %s", status, stderr)
	}
	file[5] = float32(math.NaN())
	write(n, 3, 32, 32)
	if status, _, stderr := command("infer", model, "--input", in, "--output", out); status != exitFailed || !strings.Contains(stderr, "element 5 of image 0 is NaN") {
		t.Errorf("NaN: status %d, %s", status, stderr)
	}
}

// The file of predictions has the logits that the predictions are of, exactly, also if the accuracy disappoints.
func TestPredictions(t *testing.T) {
	for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
		_, model := exportedNetwork(t, target)
		path := filepath.Join(t.TempDir(), "predictions.csv")
		status, _, stderr := command("eval", model, "--dataset", "cifar10-mini", "--limit", "30", "--predictions", path, "--expect", "1")
		if status != exitMissed {
			t.Fatal(stderr)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil || len(rows) != 31 || !slices.Equal(rows[0][:4], []string{"index", "label", "prediction", "logit_0"}) || len(rows[0]) != 13 {
			t.Fatalf("%v: %d rows, %v", err, len(rows), rows[0])
		}
		d, err := datasets.Open("cifar10-mini", datasets.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows[1:] {
			best, largest := 0, math.Inf(-1)
			for c, text := range row[3:] {
				if target == integer.Dyadic && strings.ContainsAny(text, ".e") {
					t.Errorf("%s is no integer", text)
				}
				if v, err := strconv.ParseFloat(text, 64); err != nil {
					t.Fatal(err)
				} else if v > largest {
					best, largest = c, v
				}
			}
			if want := []string{strconv.Itoa(i), strconv.Itoa(int(d.Test.Labels[i])), strconv.Itoa(best)}; !slices.Equal(row[:3], want) {
				t.Errorf("row %v, want %v", row[:3], want)
			}
		}
	}
}
