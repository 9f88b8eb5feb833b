//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/datasets"
)

// "qat train configs/resnet20_w4a4.yaml", as typed in a clone: without a network it says which file is wanted where; with CIFAR-10,
// of which there are a few images here, it trains and exports.
func TestTrainInAClone(t *testing.T) {
	if portable() {
		t.Skip("training takes minutes on the portable kernels")
	}
	clone := t.TempDir()
	if err := os.CopyFS(filepath.Join(clone, "configs"), os.DirFS(filepath.Join("..", "..", "configs"))); err != nil {
		t.Fatal(err)
	}
	qat := program(t)
	train := func() (said string, status int) {
		c := exec.Command(qat, "train", "configs/resnet20_w4a4.yaml")
		c.Dir = clone
		c.Env = append(os.Environ(), "QAT_DATA=", "HTTPS_PROXY=http://127.0.0.1:1")
		out, err := c.CombinedOutput()
		if c.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), c.ProcessState.ExitCode()
	}
	want := "fetch https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz elsewhere, put it at " + filepath.Join(clone, "data", "cifar-10-binary.tar.gz")
	if said, status := train(); status != exitFailed || !strings.Contains(said, want) {
		t.Errorf("without a network: status %d; want 1 and %q:\n%s", status, want, said)
	}
	if err := writeCIFAR10(filepath.Join(clone, "data", "cifar-10-batches-bin"), 26, 50); err != nil {
		t.Fatal(err)
	}
	said, status := train()
	if _, err := os.Stat(filepath.Join(clone, "runs", "resnet20_w4a4", "model.safetensors")); err != nil || status != exitDone || !strings.Contains(said, "epoch 4/4: ") {
		t.Errorf("status %d, %v:\n%s", status, err, said)
	}
}

// writeCIFAR10 writes files as CIFAR-10 has them, with so many images each, from the data set that is embedded.
func writeCIFAR10(dir string, train, test int) error {
	d, err := datasets.Open("cifar10-mini", datasets.Options{})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	const plane = 32 * 32
	write := func(name string, s datasets.Split, first, n int) error {
		var b []byte
		for i := first; i < first+n; i++ {
			b = append(b, byte(s.Labels[i]))
			for c := range 3 {
				for k := range plane {
					b = append(b, s.Pixels[(i*plane+k)*3+c])
				}
			}
		}
		return os.WriteFile(filepath.Join(dir, name), b, 0o666)
	}
	for i := range 5 {
		if err := write("data_batch_"+string(rune('1'+i))+".bin", d.Train, i*train, train); err != nil {
			return err
		}
	}
	return write("test_batch.bin", d.Test, 0, test)
}
