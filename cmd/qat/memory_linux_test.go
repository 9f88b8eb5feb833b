// Not of the race detector's builds, which take memory of its own.

//go:build !race

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What a training says that it will take is within 15 % of what it took, also of a network whose weights take more than its
// tensors.
func TestMemoryIsForeseen(t *testing.T) {
	if args := os.Getenv("QAT_TEST_MEMORY"); args != "" {
		os.Exit(Main(strings.Fields(args), os.Stdin, os.Stdout, os.Stderr))
	}
	foresees(t, trainLarge(t, "resnet18", 32, 2)+" train.max_steps=1 export.formats=[]")
}

// trainLarge is the command that trains a network on square images.
func trainLarge(t *testing.T, arch string, size, batch int) string {
	return fmt.Sprintf("train resnet20_w4a4 --plain --out %s model.init=random model.arch=%s data.dataset=random data.random.height=%d data.random.width=%[3]d data.random.images=16 data.random.test_images=8 train.max_steps=2 train.batch=%[4]d",
		filepath.Join(t.TempDir(), "run"), arch, size, batch)
}

// foresees runs a command of train or bench in a process of its own.
func foresees(t *testing.T, args string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-test.run=^TestMemoryIsForeseen$")
	c.Env = append(os.Environ(), "QAT_TEST_MEMORY="+args)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args, err, out)
	}
	foreseen, took := mebibytesIn(out, `memory: about (\d+) MiB`), mebibytesIn(out, `peak memory +(\d+) MiB`)
	t.Logf("%s: foreseen %v MiB, took %v", args, foreseen, took)
	if r := foreseen / took; !(r > 0.85 && r < 1.15) {
		t.Errorf("%s: foreseen %v MiB, took %v", args, foreseen, took)
	}
}

func mebibytesIn(out []byte, pattern string) float64 {
	m := regexp.MustCompile(pattern).FindSubmatch(out)
	if m == nil {
		return 0
	}
	v, _ := strconv.ParseFloat(string(m[1]), 64)
	return v
}
