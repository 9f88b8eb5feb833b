//go:build long

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/qat-go/qat/internal/npy"
)

// TestStateDictsAgreeWithPyTorch loads PyTorch's state dicts (testdata/pytorch/state_dicts.py) as a user does, and wants
// PyTorch's logits to 1e-4 of the largest, and PyTorch to load the float weights, the same to the bit.
func TestStateDictsAgreeWithPyTorch(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int
		trained string
	}{
		{"resnet20", 32, "../../layers/pretrained/resnet20_cifar10.safetensors"},
		{"resnet32", 32, ""},
		{"resnet44", 32, ""},
		{"resnet56", 32, ""},
		{"resnet18", 64, ""},
		{"resnet50", 64, ""},
		{"mobilenet_v2", 64, ""},
		{"vgg11_bn", 224, ""}, // torchvision's pools to 7x7, whatever the image
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			in := func(name string) string { return filepath.Join(dir, name) }
			make := []string{"make", c.name, "--size", fmt.Sprint(c.size)}
			if c.trained != "" {
				make = append(make, "--trained", c.trained)
			}
			stateDicts(t, dir, make...)
			runQat(t, "train", "resnet20_fp32", "model.arch="+c.name, "model.init="+in("weights.pth"), "data.dataset=random",
				fmt.Sprintf("data.random={height: %d, width: %d, images: 8, test_images: 4}", c.size, c.size),
				"train.epochs=0", "train.batch=4", "--out", in("run"))
			runQat(t, "infer", in("run"), "--input", in("x.npy"), "--output", in("y.npy"), "--simulate")
			want, got := readArray(t, in("logits.npy")), readArray(t, in("y.npy"))
			if len(got) != len(want) {
				t.Fatalf("%d logits, want %d", len(got), len(want))
			}
			var largest, off float64
			for i, w := range want {
				largest = max(largest, math.Abs(float64(w)))
				off = max(off, math.Abs(float64(got[i])-float64(w)))
			}
			t.Logf("the logits are off by %.1e of the largest, %.3g", off/largest, largest)
			if !(off <= 1e-4*largest) {
				t.Errorf("the logits are off by %g of %g", off, largest)
			}
			runQat(t, "export", in("run"), "--float")
			stateDicts(t, dir, "load", c.name, "--file", in("run/model.float.safetensors"))
		})
	}
}

func stateDicts(t *testing.T, dir string, args ...string) {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, which has its packages
	if err := exec.Command(python, "-c", "import torchvision").Run(); err != nil {
		t.Fatal("the test needs torchvision: apt-get install -y --no-install-recommends python3-torchvision")
	}
	args = append([]string{"testdata/pytorch/state_dicts.py"}, args...)
	if out, err := exec.Command(python, append(args, "--out", dir)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func runQat(t *testing.T, args ...string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := Main(args, nil, &stdout, &stderr); got != exitDone {
		t.Fatalf("%q: exit status %d\n%s%s", args, got, &stdout, &stderr)
	}
}

func readArray(t *testing.T, path string) []float32 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := npy.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	for _, s := range r.Shape {
		n *= s
	}
	v := make([]float32, n)
	if _, err := r.Read(v); err != nil {
		t.Fatal(err)
	}
	return v
}
