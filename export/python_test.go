package export

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// A Python script that knows only the file format gives the same logits, bit
// for bit: a file has all that it takes to run the network.
func TestPythonRunsTheFile(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if out, err := exec.Command(python, "-c", "import json, struct").CombinedOutput(); err != nil {
		t.Skipf("python3 does not start: %v: %s", err, out)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	nets := []*integer.Network{small(), integertest.Pooled(rng)}
	for len(nets) < 6 {
		if net := integertest.Random(rng); net.Tensors[0].C == 3 {
			nets = append(nets, net)
		}
	}
	different := map[uint32]bool{}
	for n := len(nets); len(nets) < n+3; {
		if net := integertest.RandomWindows(rng); net.Tensors[0].C == 3 {
			nets = append(nets, net)
		}
	}
	for i, net := range nets {
		pixels := make([]byte, net.Tensors[0].Len())
		x := make([]float32, len(pixels))
		for j := range pixels {
			pixels[j] = uint8(rng.UintN(256))
			x[j] = (float32(pixels[j])/255 - net.Mean[j%3]) / net.Std[j%3]
		}
		picture := filepath.Join(t.TempDir(), "pixels")
		if err := os.WriteFile(picture, pixels, 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(python, filepath.Join("testdata", "run.py"), write(t, net), picture)
		cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		want := logits(t, net, x, 1)
		if len(lines) != len(want) {
			t.Fatalf("network %d: %d lines, want %d\n%s", i, len(lines), len(want), out)
		}
		for o, v := range want {
			name := fmt.Sprint(o)
			if len(net.Classes) > 0 {
				name = net.Classes[o]
			}
			bits := math.Float32bits(v)
			different[bits] = true
			if line := fmt.Sprintf("%08x ", bits); !strings.HasPrefix(lines[o], line) || !strings.HasSuffix(strings.TrimSpace(lines[o]), " "+name) {
				t.Errorf("network %d, logit %d: Python printed %q, want %s... %s", i, o, lines[o], line, name)
			}
		}
	}
	if len(different) < 15 {
		t.Errorf("only %d different logits were compared", len(different))
	}
}
