package export

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/internal/npy"
	"github.com/qat-go/qat/threads"
)

// A Python script that knows only the file formats gives the same logits, bit for bit: a file has all that it takes to run
// the network, with both targets.
func TestPythonRunsTheFile(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if out, err := exec.Command(python, "-c", "import json, struct, zipfile").CombinedOutput(); err != nil {
		t.Skipf("python3 does not start: %v: %s", err, out)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	nets := []*integer.Network{small(), integertest.Pooled(rng)}
	seen := kindsOf(nets...)
	for tries := 0; len(nets) < 7; tries++ { // those with a kind of their own first
		random := []func(*rand.Rand) *integer.Network{integertest.Random, integertest.RandomWindows}[tries%2]
		net := random(rng)
		of := kindsOf(net)
		if maps.DeleteFunc(of, func(kind string, _ bool) bool { return seen[kind] }); net.Tensors[0].C == 3 && (len(of) > 0 || tries >= 100) {
			nets = append(nets, net)
			maps.Copy(seen, of)
		}
	}
	for _, kind := range integer.Kinds() {
		if !seen[kind] {
			t.Errorf("no network has a layer of kind %s", kind)
		}
	}
	different := map[string]bool{}
	for i, net := range nets {
		pixels := make([]byte, net.Tensors[0].Len())
		for j := range pixels {
			pixels[j] = uint8(rng.UintN(256))
		}
		if net.Real = i%3 == 1; net.Real {
			values := make([]float32, len(pixels))
			for j := range values {
				values[j] = float32(rng.NormFloat64())
			}
			pixels = npy.AppendFloat32s(nil, values)
		}
		picture := filepath.Join(t.TempDir(), "pixels")
		if err := os.WriteFile(picture, pixels, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, f := range []struct {
			format configs.Format
			target integer.Target
		}{{configs.Safetensors, integer.Float32}, {configs.NPZ, integer.Float32}, {configs.NPZ, integer.Dyadic}} {
			of := *net
			of.Target = f.target
			path := filepath.Join(t.TempDir(), "model."+Extension(f.format))
			if err := Write(path, f.format, &of, Options{}); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(python, filepath.Join("testdata", "run.py"), path, picture)
			cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			want := logitLines(t, &of, pixels)
			if len(lines) != len(want) {
				t.Fatalf("network %d: %d lines, want %d\n%s", i, len(lines), len(want), out)
			}
			for o, begin := range want {
				name := fmt.Sprint(o)
				if len(net.Classes) > 0 {
					name = net.Classes[o]
				}
				different[begin] = true
				if !strings.HasPrefix(lines[o], begin) || !strings.HasSuffix(strings.TrimSpace(lines[o]), " "+name) {
					t.Errorf("network %d, %s, %s, logit %d: Python printed %q, want %s... %s", i, f.format, f.target, o, lines[o], begin, name)
				}
			}
		}
	}
	if len(different) < 30 {
		t.Errorf("only %d different logits were compared", len(different))
	}
}

// kindsOf are the kinds of layers in networks.
func kindsOf(nets ...*integer.Network) map[string]bool {
	kinds := map[string]bool{}
	for _, net := range nets {
		for _, l := range net.Layers {
			kinds[l.Kind()] = true
		}
	}
	return kinds
}

// logitLines are how the script's lines begin: with the bits of the logits, or with the integers of the target dyadic.
func logitLines(t *testing.T, net *integer.Network, pixels []byte) (lines []string) {
	t.Helper()
	pool := threads.New(1)
	defer pool.Close()
	r, err := integer.NewRunner(net, pool, 1)
	if err != nil {
		t.Fatal(err)
	}
	x := net.Normalize(pixels)
	if net.Real {
		values := make([]float32, net.Tensors[0].Len())
		if _, err := binary.Decode(pixels, binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		x = net.NormalizeReal(values)
	}
	logits, err := r.Run(x, 1)
	if err != nil {
		t.Fatal(err)
	}
	for o, v := range logits {
		if net.Target == integer.Dyadic {
			lines = append(lines, fmt.Sprintf("%d ", r.Integers(1)[o]))
		} else {
			lines = append(lines, fmt.Sprintf("%08x ", math.Float32bits(v)))
		}
	}
	return lines
}
