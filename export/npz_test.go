package export

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// npyArray is a parsed array.
type npyArray struct {
	dtype, shape string
	data         []byte
}

// npyHeader is what NumPy's format defines, with the keys in the order that NumPy
// writes.
var npyHeader = regexp.MustCompile(`^\{'descr': '([<|][fiu][14])', 'fortran_order': False, 'shape': \(([0-9, ]+)\), \} *\n$`)

func readNPZ(t *testing.T, path string) map[string]npyArray {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	arrays := map[string]npyArray{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("\x93NUMPY\x01\x00")) {
			t.Fatalf("%s begins with %q", f.Name, data[:8])
		}
		n := int(binary.LittleEndian.Uint16(data[8:]))
		parts := npyHeader.FindSubmatch(data[10 : 10+n])
		if parts == nil || (10+n)%64 != 0 {
			t.Fatalf("%s has the header %q", f.Name, data[10:10+n])
		}
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok || arrays[name].data != nil {
			t.Fatalf("entry %q", f.Name)
		}
		arrays[name] = npyArray{string(parts[1]), string(parts[2]), data[10+n:]}
	}
	return arrays
}

// expectArray compares an array with what the network has.
func expectArray[T int8 | uint8 | int32 | float32](t *testing.T, arrays map[string]npyArray, name, dtype, shape string, want []T) {
	t.Helper()
	a := arrays[name]
	got := make([]T, len(want))
	if n, err := binary.Decode(a.data, binary.LittleEndian, got); err != nil || n != len(a.data) || a.dtype != dtype || a.shape != shape || !slices.Equal(got, want) {
		t.Errorf("%s: %s (%s) %v, want %s (%s) %v", name, a.dtype, a.shape, got, dtype, shape, want)
	}
}

func TestNPZ(t *testing.T) {
	net := small()
	path := filepath.Join(t.TempDir(), "x.npz")
	for _, target := range []integer.Target{integer.Float32, integer.Dyadic} {
		net.Target = target
		if err := Write(path, configs.NPZ, net, Options{}); err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(path, configs.NPZ, net, Options{}); err != nil {
			t.Fatal(err)
		}
		if second, err := os.ReadFile(path); err != nil || !bytes.Equal(first, second) {
			t.Errorf("writing twice gives different files, error %v", err)
		}
		arrays := readNPZ(t, path)
		var m map[string]any
		if err := json.Unmarshal(arrays["manifest"].data, &m); err != nil || m["target"] != target.String() {
			t.Errorf("the manifest has target %v, error %v", m["target"], err)
		}
		conv, linear := net.Layers[0].(*integer.Conv), net.Layers[5].(*integer.Linear)
		expectArray(t, arrays, "conv.weight", "|i1", "2, 3, 3, 3", transpose(conv.Weights, 9, 3, 2))
		expectArray(t, arrays, "conv.bias", "<i4", "2,", conv.Bias)
		expectArray(t, arrays, "conv.scale", "<f4", "2,", conv.Scale)
		expectArray(t, arrays, "linear.weight", "|i1", "2, 4, 1, 1", transpose(linear.Weights, 1, 4, 2))
		expectArray(t, arrays, "linear.bias", "<i4", "2,", linear.Bias)
		expectArray(t, arrays, "tensors.scale", "<f4", "6,", []float32{0.1, 0.2, 0.3, 0.2, 0.2, 0.2})
		expectArray(t, arrays, "tensors.zero_point", "|u1", "6,", []uint8{100, 0, 8, 0, 0, 0})
		expectArray(t, arrays, "std", "<f4", "3,", []float32{1, 1, 1})
		want := 13
		if target == integer.Float32 {
			expectArray(t, arrays, "conv.multiplier", "<f4", "2,", conv.Multipliers(net))
			expectArray(t, arrays, "pool.multiplier", "<f4", "1,", []float32{0.25})
		} else {
			want = 21
			expectArray(t, arrays, "pool.multiplier", "<i4", "1,", []int32{1 << 30})
			expectArray(t, arrays, "pool.shift", "|u1", "1,", []uint8{32})
			// 0.2/0.2 and 0.3/0.2, on one scale
			expectArray(t, arrays, "add.multiplier", "<i4", "2,", []int32{1 << 30, 3 << 29})
			expectArray(t, arrays, "add.shift", "|u1", "2,", []uint8{30, 30})
		}
		if len(arrays) != want {
			t.Errorf("target %v: %d arrays, want %d", target, len(arrays), want)
		}
	}
	net.Layers[1].(*integer.Requantize).Name = "a"
	net.Layers[0].(*integer.Conv).Name = "tensors"
	if err := Write(path, configs.NPZ, net, Options{}); err == nil || !strings.Contains(err.Error(), `two arrays would be called "tensors.scale"`) {
		t.Errorf("a layer called tensors: error %v", err)
	}
}

// numpySums prints the sum of the values of each array, having computed the logits'
// sums of the last layer from codes of zero.
const numpySums = `
import json, sys
import numpy as np
with np.load(sys.argv[1], allow_pickle=False) as z:
    m = json.loads(z["manifest"].tobytes())
    for name in sorted(z.files):
        if name not in ("manifest", "mean", "std") and not name.endswith("scale"):
            print(name, z[name].dtype, z[name].shape, int(z[name].astype(np.int64).sum()))
`

// NumPy itself reads the archive.
func TestNumPyReadsNPZ(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	if out, err := exec.Command(python, "-c", "import numpy").CombinedOutput(); err != nil {
		t.Skipf("python3 has no NumPy: %s", bytes.TrimSpace(out[max(0, len(out)-60):]))
	}
	net := integertest.Random(rand.New(rand.NewPCG(1, 2)))
	net.Target = integer.Dyadic
	path := filepath.Join(t.TempDir(), "x.npz")
	if err := Write(path, configs.NPZ, net, Options{}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", numpySums, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, l := range net.Layers {
		c, ok := l.(*integer.Conv)
		if !ok {
			continue
		}
		weights, biases := 0, 0
		for _, w := range c.Weights {
			weights += int(w)
		}
		for _, b := range c.Bias {
			biases += int(b)
		}
		in, channels := net.Tensors[c.In].C, len(c.Bias)
		for _, want := range []string{
			fmt.Sprintf("%s.weight int8 (%d, %d, %d, %d) %d\n", c.Name, channels, in, c.Kernel.H, c.Kernel.W, weights),
			fmt.Sprintf("%s.bias int32 (%d,) %d\n", c.Name, channels, biases),
		} {
			if !strings.Contains(string(out), want) {
				t.Errorf("NumPy prints no line %q in\n%s", want, out)
			}
		}
	}
}
