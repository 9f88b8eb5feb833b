package export

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/threads"
)

func write(t testing.TB, net *integer.Network) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "model."+Extension(configs.Safetensors))
	if err := Write(path, configs.Safetensors, net, Options{}); err != nil {
		t.Fatal(err)
	}
	return path
}

func logits(t testing.TB, net *integer.Network, x []float32, n int) []float32 {
	t.Helper()
	pool := threads.New(1)
	defer pool.Close()
	r, err := integer.NewRunner(net, pool, n)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.Run(x, n)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(out)
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 40 {
		net := integertest.Random(rng)
		if i >= 30 {
			net = integertest.RandomWindows(rng)
		}
		net.Target = integer.Target(i % 2)
		path := write(t, net)
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, net) {
			t.Fatalf("got  %+v\nwant %+v", got, net)
		}
		x := integertest.Pictures(rng, net, 2)
		if a, b := logits(t, got, x, 2), logits(t, net, x, 2); !slices.Equal(a, b) {
			t.Fatalf("logits %v, want %v", a, b)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := os.ReadFile(write(t, got)); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("writing what was read gave other bytes, or error %v", err)
		}
	}
}

// Scales that are hard to write in decimal come back with the same bits.
func TestFloatsRoundTrip(t *testing.T) {
	for _, s := range []float32{0x1p-126, math.MaxFloat32, 0.1, 1.0 / 3, math.Pi, 16777217, 9007199791611905e-15} {
		net := integertest.Random(rand.New(rand.NewPCG(1, 2)))
		for i := range 3 {
			net.Mean[i], net.Std[i] = -s, s
		}
		got, err := Read(write(t, net))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Mean, net.Mean) || !slices.Equal(got.Std, net.Std) {
			t.Errorf("%v and %v came back as %v and %v", net.Mean, net.Std, got.Mean, got.Std)
		}
	}
	// Readers that parse to 64 bits and round to 32 see the same number.
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100_000 {
		f := math.Float32frombits(rng.Uint32())
		text, err := json.Marshal(f)
		if err != nil {
			continue // NaN or infinite
		}
		if wide, err := strconv.ParseFloat(string(text), 64); err != nil || float32(wide) != f {
			t.Fatalf("%s parsed to 64 bits is %g, want %g", text, wide, f)
		}
	}
}

// The file takes little more than weights, biases and scales.
func TestSize(t *testing.T) {
	net := integertest.ResNet20(rand.New(rand.NewPCG(1, 2)), 4)
	info, err := os.Stat(write(t, net))
	if err != nil {
		t.Fatal(err)
	}
	const weights = 267_264/2 + 432 + 640 // first and last layer have 8 bits
	size := net.SizeBytes()
	if size != weights+8*(16*7+32*6+64*6+10) {
		t.Errorf("SizeBytes is %d", size)
	}
	t.Logf("%d bytes: %.2f %% more than weights, biases and scales of %d, %.2f %% more than the weights' %d",
		info.Size(), 100*(float64(info.Size())/float64(size)-1), size, 100*(float64(info.Size())/weights-1), weights)
	if limit := size * 103 / 100; info.Size() > limit {
		t.Errorf("the file has %d bytes, want at most %d: 3 %% more than weights, biases and scales", info.Size(), limit)
	}
}

func TestWriteRejects(t *testing.T) {
	dir := t.TempDir()
	tests := map[string]struct {
		format configs.Format
		change func(n *integer.Network)
		want   string
	}{
		"format":         {"gguf", func(n *integer.Network) {}, `format "gguf" is not available`},
		"bad network":    {configs.Safetensors, func(n *integer.Network) { n.Tensors[0].Scale = 0 }, "scale 0"},
		"name not UTF-8": {configs.Safetensors, func(n *integer.Network) { n.Name = "\xff" }, "UTF-8"},
		"class":          {configs.Safetensors, func(n *integer.Network) { n.Classes[0] = "\xff" }, "UTF-8"},
		"std 0":          {configs.Safetensors, func(n *integer.Network) { n.Std[1] = 0 }, "channel 1: mean"},
		"mean NaN":       {configs.Safetensors, func(n *integer.Network) { n.Mean[2] = float32(math.NaN()) }, "channel 2: mean"},
		"long name":      {configs.Safetensors, func(n *integer.Network) { n.Name = strings.Repeat("x", maxManifest) }, "the manifest takes"},
	}
	for name, tt := range tests {
		net := small()
		tt.change(net)
		err := Write(filepath.Join(dir, "x"), tt.format, net, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("failed writes left %v, error %v", entries, err)
	}
}

// small is a network with one layer of each kind.
func small() *integer.Network {
	n := &integer.Network{Name: "small", Classes: []string{"cat", "dog"}, Mean: make([]float32, 3), Std: []float32{1, 1, 1}, Tensors: []integer.Tensor{
		{Name: "input", H: 4, W: 4, C: 3, Bits: 8, Scale: 0.1, ZeroPoint: 100},
		{Name: "a", H: 4, W: 4, C: 2, Bits: 4, Scale: 0.2},
		{Name: "b", H: 4, W: 4, C: 2, Bits: 4, Signed: true, Scale: 0.3, ZeroPoint: 8},
		{Name: "c", H: 4, W: 4, C: 2, Bits: 8, Scale: 0.2},
		{Name: "d", H: 2, W: 2, C: 4, Bits: 8, Scale: 0.2},
		{Name: "e", H: 1, W: 1, C: 4, Bits: 8, Scale: 0.2},
	}}
	w := make([]int8, 54)
	for i := range w {
		w[i] = int8(i%16 - 8)
	}
	n.Layers = []integer.Layer{
		integer.NewConv(n, "conv", 0, 1, networks.Square(3, 1, 1), 0, w, 4, integer.FoldBias(0.1, []float32{0.1}, []float32{1, -1}), true),
		&integer.Requantize{Name: "requantize", In: 1, Out: 2, Lo: 0, Hi: 15},
		&integer.Add{Name: "add", A: 1, B: 2, Out: 3, Lo: 0, Hi: 255},
		&integer.Shortcut{Name: "shortcut", In: 3, Out: 4, Stride: 2},
		&integer.AveragePool{Name: "pool", In: 4, Out: 5},
		&integer.Linear{Name: "linear", In: 5, Out: 2, Weights: []int8{1, 0, -1, 0, -2, 1, 1, 1}, WeightBits: 2, Scale: []float32{1, 1}, Bias: make([]int32, 2)},
	}
	return n
}
