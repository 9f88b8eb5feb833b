//go:build long && linux

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

// What train and bench say that they will take is within 15 % of what they took.
func TestMemoryIsForeseen(t *testing.T) {
	if args := os.Getenv("QAT_TEST_MEMORY"); args != "" {
		os.Exit(Main(strings.Fields(args), os.Stdin, os.Stdout, os.Stderr))
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, config := range []string{"resnet20_w4a4", "resnet20_w8a8", "resnet20_fp32"} {
		for _, batch := range []int{16, 128, 1000} {
			commands = append(commands, fmt.Sprintf("train %s train.batch=%d data.dataset=cifar10-mini train.max_steps=2 --plain --out %s",
				config, batch, filepath.Join(t.TempDir(), "run")))
		}
	}
	for _, calibrated := range []string{"resnet20_w4a4 --threads 1", "resnet20_w4a4 quant.activations.calibration_batches=4", "resnet20_affine_w8a8_ptq --threads 1", "resnet20_affine_w8a8_ptq --threads 2",
		"resnet20_affine_w8a8_ptq train.batch=512", "resnet20_affine_w8a8_ptq quant.activations.calibration_batches=4", "resnet20_affine_w8a8_ptq quant.bias_correction=true"} {
		commands = append(commands, fmt.Sprintf("train %s data.dataset=cifar10-mini train.epochs=0 --plain --out %s", calibrated, filepath.Join(t.TempDir(), "run")))
	}
	commands = append(commands, "bench --steps 2", "bench --batch 16 --steps 2", "bench --batch 8 --steps 2 --threads 1")
	for _, args := range commands {
		c := exec.Command(program, "-test.run=TestMemoryIsForeseen")
		c.Env = append(os.Environ(), "QAT_TEST_MEMORY="+args)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		foreseen, took := mebibytesIn(out, `memory: about (\d+) MiB`), mebibytesIn(out, `peak memory +(\d+) MiB`)
		t.Logf("%s: foreseen %v MiB, took %v", strings.Split(args, " --plain")[0], foreseen, took)
		if r := foreseen / took; !(r > 0.85 && r < 1.15) {
			t.Errorf("%s: foreseen %v MiB, took %v", args, foreseen, took)
		}
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
