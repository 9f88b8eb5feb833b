package integer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/networks"
)

// dyadicExample reads the lines "name number..." of the block ```dyadic in
// docs/arithmetic.md.
func dyadicExample(t *testing.T) map[string][]float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "arithmetic.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "```dyadic\n")
	block, _, end := strings.Cut(block, "```")
	if !ok || !end {
		t.Fatal("docs/arithmetic.md has no block ```dyadic")
	}
	numbers := map[string][]float64{}
	for line := range strings.Lines(block) {
		fields := strings.Fields(line)
		for _, f := range fields[1:] {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				t.Fatal(err)
			}
			numbers[fields[0]] = append(numbers[fields[0]], v)
		}
	}
	return numbers
}

// as converts the numbers of a line.
func as[T int8 | int32 | float32](values []float64) []T {
	out := make([]T, len(values))
	for i, v := range values {
		out[i] = T(v)
	}
	return out
}

func TestDocumentedDyadicExample(t *testing.T) {
	doc := dyadicExample(t)
	used := map[string]bool{}
	number := func(name string) float32 { used[name] = true; return float32(doc[name][0]) }
	line := func(name string) []float64 { used[name] = true; return doc[name] }
	equal := func(name string, got ...int64) {
		t.Helper()
		if want := fmt.Sprint(as[float32](line(name))); fmt.Sprint(as64(got)) != want {
			t.Errorf("%s is %v, docs/arithmetic.md says %v", name, got, doc[name])
		}
	}
	check := func(m, e string, got ...dyadic.Multiplier) {
		t.Helper()
		var ms, es []int64
		for _, v := range got {
			ms, es = append(ms, int64(v.M)), append(es, int64(v.Shift))
		}
		for i, v := range ms { // beyond the digits of a float32
			if float64(v) != line(m)[i] {
				t.Errorf("%s is %v, docs/arithmetic.md says %v", m, ms, doc[m])
			}
		}
		equal(e, es...)
	}

	zx, in := uint8(number("z_x")), len(line("x"))
	net := &integer.Network{Target: integer.Dyadic, Tensors: []integer.Tensor{
		{H: 1, W: 1, C: in, Bits: 8, Scale: 0.5, ZeroPoint: zx},
		{H: 1, W: 1, C: 3, Bits: 4, Scale: number("s_y")},
	}}
	w := make([]int8, in*3)
	for o := range 3 {
		for i, v := range as[int8](line(fmt.Sprintf("weight[%d]", o))) {
			w[i*3+o] = v
		}
	}
	conv := &integer.Conv{Name: "conv", In: 0, Out: 1, Window: networks.Square(1, 1, 0), Weights: w, WeightBits: 4,
		Bias: as[int32](line("bias")), Scale: as[float32](line("scale")), Lo: 0, Hi: 15}
	net.Layers = []integer.Layer{conv, &integer.Linear{Name: "linear", In: 1, Out: 1, Weights: make([]int8, 3), WeightBits: 4, Scale: []float32{1}, Bias: []int32{0}}}
	if got, want := fmt.Sprint(conv.Multipliers(net)), fmt.Sprint(as[float32](line("multiplier"))); got != want {
		t.Errorf("multipliers %s, docs/arithmetic.md says %s", got, want)
	}
	var acc []int64
	for o, b := range conv.Bias {
		sum := int64(b)
		for i, code := range as[int32](line("x")) {
			sum += int64(code-int32(zx)) * int64(w[i*3+o])
		}
		acc = append(acc, sum)
	}
	for o, v := range acc {
		if float64(v) != line("acc")[o] {
			t.Errorf("acc is %v, docs/arithmetic.md says %v", acc, doc["acc"])
		}
	}
	multipliers := func(net *integer.Network, layer int) []dyadic.Multiplier {
		m, err := net.Layers[layer].Dyadic(net)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	check("M", "e", multipliers(net, 0)...)
	x := make([]float32, in)
	for i, code := range line("x") {
		x[i] = (float32(code) - float32(zx)) * 0.5
	}
	r := newRunner(t, net, 1, 1)
	run(t, r, x, 1)
	codes := r.Codes(1, 1)
	equal("code", int64(codes[0]), int64(codes[1]), int64(codes[2]))

	// The first code goes on as the input of a second network.
	net = &integer.Network{Target: integer.Dyadic, Tensors: []integer.Tensor{
		{H: 1, W: 1, C: 1, Bits: 4, Scale: number("s_y")},
		{H: 1, W: 1, C: 1, Bits: 4, Scale: number("s_b"), ZeroPoint: uint8(number("z_b"))},
		{H: 1, W: 1, C: 1, Bits: 4, Scale: number("s_sum")},
	}}
	linear := &integer.Linear{Name: "linear", In: 2, Out: 2, Weights: as[int8](line("weight_linear")), WeightBits: 4,
		Scale: as[float32](line("scale_linear")), Bias: as[int32](line("bias_linear"))}
	net.Layers = []integer.Layer{
		&integer.Requantize{Name: "requantize", In: 0, Out: 1, Hi: 15},
		&integer.Add{Name: "add", A: 0, B: 1, Out: 2, Hi: 15}, linear,
	}
	add := multipliers(net, 1)
	check("M_requantize", "e_requantize", multipliers(net, 0)...)
	equal("e_add", int64(add[0].Shift))
	equal("M_add", int64(add[0].M), int64(add[1].M))
	check("M_linear", "e_linear", multipliers(net, 2)...)
	r = newRunner(t, net, 1, 1)
	run(t, r, []float32{float32(codes[0]) * net.Tensors[0].Scale}, 1)
	equal("b", int64(r.Codes(1, 1)[0]))
	equal("sum", int64(r.Codes(2, 1)[0]))
	for o, v := range line("acc_linear") {
		if got := int32(r.Codes(2, 1)[0])*int32(linear.Weights[o]) + linear.Bias[o]; float64(got) != v {
			t.Errorf("acc_linear %d is %d, docs/arithmetic.md says %g", o, got, v)
		}
	}
	logits := r.Integers(1)
	equal("logit", int64(logits[0]), int64(logits[1]))
	for name := range doc {
		if !used[name] {
			t.Errorf("the line %s of docs/arithmetic.md is not computed", name)
		}
	}
}

func as64(values []int64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
