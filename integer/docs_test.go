package integer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/networks"
)

// example reads the lines "name number..." of the example in
// docs/arithmetic.md.
func example(t *testing.T) map[string][]float32 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "arithmetic.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "```example\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatal("docs/arithmetic.md has no block ```example")
	}
	numbers := map[string][]float32{}
	for line := range strings.Lines(block) {
		fields := strings.Fields(line)
		for _, f := range fields[1:] {
			v, err := strconv.ParseFloat(f, 32)
			if err != nil {
				t.Fatal(err)
			}
			numbers[fields[0]] = append(numbers[fields[0]], float32(v))
		}
	}
	return numbers
}

func TestDocumentedExample(t *testing.T) {
	doc := example(t)
	equal := func(name string, got any) {
		t.Helper()
		if want := fmt.Sprint(doc[name]); fmt.Sprint(got) != want {
			t.Errorf("%s is %v, docs/arithmetic.md says %v", name, got, want)
		}
	}
	in, out := len(doc["x"]), len(doc["gamma"])
	sx, zx := doc["s_x"][0], doc["z_x"][0]
	net := &integer.Network{Tensors: []integer.Tensor{
		{H: 1, W: 1, C: in, Bits: 8, Scale: sx, ZeroPoint: uint8(zx)},
		{H: 1, W: 1, C: out, Bits: 4, Scale: doc["s_y"][0]},
	}}
	w := make([]int8, in*out)
	for o := range out {
		for i, v := range doc[fmt.Sprintf("weight[%d]", o)] {
			w[i*out+o] = int8(v)
		}
	}
	f := integer.FoldBatchNorm(sx, doc["s_w"], doc["gamma"], doc["beta"], doc["mean"], doc["variance"], 0)
	conv := integer.NewConv(net, "conv", 0, 1, networks.Square(1, 1, 0), 0, w, 4, f, true)
	linear := &integer.Linear{Name: "linear", In: 1, Out: 1, Weights: make([]int8, out), WeightBits: 4, Scale: []float32{1}, Bias: []int32{0}}
	net.Layers = []integer.Layer{conv, linear}
	equal("scale", conv.Scale)
	equal("multiplier", conv.Multipliers(net))

	bias, acc := make([]float32, out), make([]float32, out) // all below 2^24, or a power of two
	for o := range out {
		bias[o], acc[o] = float32(conv.Bias[o]), float32(conv.Bias[o])
		for i, code := range doc["x"] {
			acc[o] += (code - zx) * float32(conv.Weights[i*out+o])
		}
	}
	equal("bias", bias)
	equal("acc", acc)

	x := make([]float32, in)
	for i, code := range doc["x"] {
		x[i] = (code - zx) * sx
	}
	r := newRunner(t, net, 1, 1)
	run(t, r, x, 1)
	var codes []float32
	for _, c := range r.Codes(1, 1) {
		codes = append(codes, float32(c))
	}
	equal("code", codes)
	if want := []bool{false, false, true}; !slices.Equal(f.Dead, want) {
		t.Errorf("dead channels %v, docs/arithmetic.md says %v", f.Dead, want)
	}
}

// The arithmetic of every kind of layer is told.
func TestKindsAreTold(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "arithmetic.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range integer.Kinds() {
		if !strings.Contains(string(text), "\n| "+kind+" | ") {
			t.Errorf("docs/arithmetic.md has no row for the kind %s", kind)
		}
	}
}
