package export_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	. "github.com/qat-go/qat/export/exporttest"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// The C program gives the integers of package integer, as C and as C++, and does nothing that is undefined.
func TestCProgram(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	nets := []*integer.Network{integertest.ResNet20(rng, 4), integertest.Pooled(rng)}
	channels := map[int]bool{}
	for len(nets) < 10 {
		random := integertest.Random
		if len(nets)%2 == 0 {
			random = integertest.RandomWindows
		}
		net := random(rng)
		net.Real = len(nets)%4 == 3
		nets, channels[net.Tensors[0].C] = append(nets, net), true
	}
	signs := nets[2].Layers[0].(*integer.Conv)
	for i, w := range signs.Weights {
		signs.Weights[i] = w&1*2 - 1
	}
	signs.WeightBits = 2
	different := map[string]bool{}
	for i, net := range nets {
		net.Target = integer.Dyadic
		if i%2 == 0 {
			net.Logits().Scale[0] *= 0.7 // logits of several scales
		}
		compiler := slices.Concat(C99, Sanitized)
		switch {
		case i == 0 && runtime.GOARCH == "amd64":
			compiler = slices.Concat(C99, []string{"-O2", "-mgeneral-regs-only"}) // without registers for floating point
		case i == 0:
			compiler = slices.Concat(C99, []string{"-O2"})
		case i%3 == 2:
			compiler = slices.Concat(CPP, Sanitized)
		}
		program := Compile(t, net, compiler...)
		path, want := Batch(t, rng, net, 3)
		if got := Run(t, program, "--cifar", path); got != want {
			t.Fatalf("network %d: the program prints\n%swant\n%s", i, got, want)
		}
		for _, v := range strings.Fields(want) {
			different[v] = true
		}
		first, _, _ := strings.Cut(want, "\n")
		if got := Run(t, program, "--cifar", path, "1"); got != first+"\n" {
			t.Fatalf("network %d: the program prints\n%swant\n%s", i, got, first)
		}
		checkPicture(t, program, net)
	}
	if len(different) < 30 || len(channels) != 4 {
		t.Errorf("only %d different logits were compared, of images with %v channels", len(different), channels)
	}
}

// checkPicture classifies an image from its bytes and from a PPM, or PGM.
func checkPicture(t *testing.T, program string, net *integer.Network) {
	t.Helper()
	in := net.Tensors[0]
	pixels := make([]uint8, in.Len())
	for i := range pixels {
		pixels[i] = uint8(i * 37)
	}
	logits := Logits(t, net, pixels)
	names := net.Classes
	var want strings.Builder
	for o, v := range logits {
		if len(names) == o {
			names = append(names, fmt.Sprint(o))
		}
		fmt.Fprintf(&want, "%d %s\n", v, names[o])
	}
	fmt.Fprintf(&want, "=> %s\n", names[slices.Index(logits, slices.Max(logits))])
	files := map[string][]byte{"--raw": pixels}
	if magic := map[int]string{1: "P5", 3: "P6"}[in.C]; magic != "" && !net.Real {
		files[""] = append(fmt.Appendf(nil, "%s\n# a comment\n%d %d\n255\n", magic, in.W, in.H), pixels...)
	}
	for name, file := range files {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		args := []string{program, name, path}
		if name == "" {
			args = []string{program, path}
		}
		if got := Run(t, args...); got != want.String() {
			t.Errorf("%s: the program prints\n%swant\n%s", name, got, &want)
		}
	}
}

// pooled returns a network for images of 8 x 9 pixels.
func pooled() *integer.Network {
	net := integertest.Pooled(rand.New(rand.NewPCG(1, 2)))
	net.Target = integer.Dyadic
	return net
}

// Bad images end with a message, not with a class.
func TestCProgramRejects(t *testing.T) {
	program := Compile(t, pooled(), slices.Concat(C99, Sanitized)...)
	picture := strings.Repeat("x", 8*9*3)
	for _, tt := range []struct{ name, arg, file, want string }{
		{"PNG", "", "\x89PNG", "is no binary PPM"},
		{"text PPM", "", "P3\n8 9\n255\n1 2 3", "is no binary PPM"},
		{"gray", "", "P5\n8 9\n255\n" + picture, "is no binary PPM"},
		{"size", "", "P6\n9 8\n255\n" + picture, "has another size"},
		{"huge size", "", "P6\n999999999999999999999999 9\n255\n" + picture, "has another size"},
		{"no number", "", "P6\n# only a comment", "has another size"},
		{"16 bits", "", "P6\n8 9\n65535\n" + picture, "largest value"},
		{"short", "", "P6\n8 9\n255\n" + picture[1:], "too few bytes"},
		{"empty", "", "", "is no binary PPM"},
		{"short bytes", "--raw", picture[1:], "too few bytes"},
		{"long bytes", "--raw", picture + "x", "more bytes"},
		{"cut batch", "--cifar", picture, "ends within an image"},
	} {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, []byte(tt.file), 0o666); err != nil {
			t.Fatal(err)
		}
		args := []string{tt.arg, path}
		if tt.arg == "" {
			args = args[1:]
		}
		out, err := exec.Command(program, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.name, out, err, tt.want)
		}
	}
	for _, args := range [][]string{nil, {"--raw"}, {"a", "b"}, {"/no/such/file"}} {
		if out, err := exec.Command(program, args...).CombinedOutput(); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
}

// What is written has no floating point, no allocation and is the same each time.
func TestCSource(t *testing.T) {
	net := pooled()
	net.Name = "*/ evil \\\n"
	net.Classes = []string{`"??/`, "größer\n", "{{.Row}} qat_", "3", "4", "5", "6", "7", "8", "9"}
	header := filepath.Join(t.TempDir(), "x.h")
	var before []byte
	for range 2 {
		if err := export.Write(header, configs.C, net, export.Options{}); err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, path := range export.Files(header, configs.C) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, data...)
		}
		if before != nil && !bytes.Equal(all, before) {
			t.Error("writing twice gives different files")
		}
		before = all
	}
	code := string(before)
	for _, word := range []string{"float ", "double", "malloc(", "??", "math.h", "*/ evil"} {
		if strings.Contains(code, word) {
			t.Errorf("the C files contain %q", word)
		}
	}
	for _, want := range []string{`#include "x.h"`, `"\042\077\077/"`, `"gr\303\266\303\237er\012"`, `"{{.Row}} qat_"`, "/* __ evil __: an integer network"} {
		if !strings.Contains(code, want) {
			t.Errorf("the C files do not contain %q", want)
		}
	}
	for _, compiler := range [][]string{C99, CPP, append([]string{"cc", "-std=c99", "-x", "c"}, Strict...), append([]string{"g++", "-std=c++11", "-x", "c++"}, Strict...)} {
		Run(t, slices.Concat(compiler, []string{"-fsyntax-only", header})...)
		Run(t, slices.Concat(compiler, []string{"-fsyntax-only", "-DQAT_NO_MAIN", strings.TrimSuffix(header, ".h") + ".c"})...)
	}
}

// A program holds several networks whose names begin with something of their own.
func TestCPrefix(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	first, second := pooled(), integertest.Pooled(rng)
	second.Target, second.Classes = integer.Dyadic, []string{"qat_ stays", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	a, b := Write(t, first, export.Options{}), Write(t, second, export.Options{Prefix: "other_2"})
	source, err := os.ReadFile(b + ".c")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), `"qat_ stays"`) {
		t.Error("the name of a class has another prefix, too")
	}
	text := fmt.Sprintf(`#include "%s.h"
#include "%s.h"
#include <stdio.h>
int main(void)
{
    static uint8_t pixels[QAT_PIXELS];
    int32_t x[QAT_CLASSES], y[OTHER_2_CLASSES];
    int i;
    for (i = 0; i < QAT_PIXELS; i++)
        pixels[i] = (uint8_t)(i %% 251);
    qat_run(pixels, x);
    other_2_run(pixels, y);
    for (i = 0; i < QAT_CLASSES; i++)
        printf("%%ld %%ld\n", (long)x[i], (long)y[i]);
    return 0;
}
`, a, b)
	for _, compiler := range [][]string{C99, CPP} {
		dir := t.TempDir()
		user, program := filepath.Join(dir, "main.c"), filepath.Join(dir, "main")
		if err := os.WriteFile(user, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		for i, c := range []string{a + ".c", b + ".c"} {
			Run(t, slices.Concat(C99, []string{"-DQAT_NO_MAIN", "-c", "-o", filepath.Join(dir, fmt.Sprint(i, ".o")), c})...)
		}
		Run(t, slices.Concat(compiler, []string{"-c", "-o", program + ".o", user})...)
		Run(t, compiler[0], "-o", program, program+".o", filepath.Join(dir, "0.o"), filepath.Join(dir, "1.o"))
		pixels := make([]uint8, first.Tensors[0].Len())
		for i := range pixels {
			pixels[i] = uint8(i % 251)
		}
		want := ""
		x, y := Logits(t, first, pixels), Logits(t, second, pixels)
		for i := range x {
			want += fmt.Sprintln(x[i], y[i])
		}
		if got := Run(t, program); got != want {
			t.Errorf("%s: the program prints\n%swant\n%s", compiler[0], got, want)
		}
	}
}

// What cannot be written in C is refused before anything is, with what would do.
func TestCRefuses(t *testing.T) {
	other, big, wide := pooled(), pooled(), pooled()
	other.Target = integer.Float32
	last := big.Logits()
	last.Out = 1 + export.MaxCWeights/big.Tensors[last.In].Len()
	last.Weights, last.Scale, last.Bias = make([]int8, last.Out*big.Tensors[last.In].Len()), make([]float32, last.Out), make([]int32, last.Out)
	for i := range last.Scale {
		last.Scale[i] = 1
	}
	wide.Tensors[0].C = 4
	first := wide.Layers[0].(*integer.Conv)
	first.Weights = make([]int8, 4*len(first.Weights)/3)
	for _, tt := range []struct {
		name, file, want string
		net              *integer.Network
		prefix           string
	}{
		{"target", "x.h", "computes with target dyadic only", other, ""},
		{"name", "x.c", "ends in .h", pooled(), ""},
		{"prefix", "x.h", `prefix "9Lives" of names in C: want small letters`, pooled(), "9Lives"},
		{"weights", "x.h", "weights; C holds at most 5000000, as arrays in its source: want another format", big, ""},
		{"channels", "x.h", "3 means and 3 standard deviations, want one of each for 4 channels", wide, ""},
	} {
		path := filepath.Join(t.TempDir(), tt.file)
		o := export.Options{Prefix: tt.prefix}
		for what, err := range map[string]error{"Write": export.Write(path, configs.C, tt.net, o), "Check": export.Check(path, configs.C, tt.net, o)} {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %s: error %v, want %q", tt.name, what, err, tt.want)
			}
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: there is a file", tt.name)
		}
	}
}
