//go:build long && linux && !race

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qat-go/qat/datasets/datasetstest"
)

// peak is the largest resident memory of a process that has ended, in MiB.
func peak(c *exec.Cmd) int64 { return c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10 }

// A data set of ImageNet's size is listed in less than 200 MiB, and trains from the first seconds on, in folders and packed.
func TestScale(t *testing.T) {
	const classes, train, test = 1000, 1281, 50
	dir := t.TempDir()
	for name, make := range map[string]func(testing.TB, string, int, int, int){"folders": datasetstest.Linked, "packed": datasetstest.Packed} {
		data := filepath.Join(dir, name)
		start := time.Now()
		make(t, data, classes, train, test)
		t.Logf("%s: made in %.1f s", name, time.Since(start).Seconds())

		start = time.Now()
		c := exec.Command(program(t), "data", "info", "imagenet", "--data", data)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "1281000 images, 1281 a class") {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("%s: listed in %.1f s, %d MiB", name, time.Since(start).Seconds(), peak(c))
		if peak(c) >= 200 {
			t.Errorf("%s: listed in %d MiB", name, peak(c))
		}

		start = time.Now()
		c = exec.Command(program(t), "train", "imagenet_resnet18_w4a4", "--data", data, "--plain", "--out", filepath.Join(dir, name+"-run"), "train.batch=16", "train.max_steps=50", "export.formats=[]", "train.log_every=1")
		stderr, err := c.StderrPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		for b := [4096]byte{}; !strings.Contains(said.String(), "step 1/"); {
			n, err := stderr.Read(b[:])
			if said.Write(b[:n]); err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
		}
		t.Logf("%s: the first step of 16 images after %.1f s\n%s", name, time.Since(start).Seconds(), &said)
		_ = c.Process.Kill()
		_ = c.Wait()
		t.Logf("%s: %d MiB until then", name, peak(c))
	}
}
