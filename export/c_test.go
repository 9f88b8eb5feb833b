package export

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
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
	"github.com/qat-go/qat/threads"
)

// compile exports the network and returns the path of the program.
func compile(t *testing.T, net *integer.Network, flags ...string) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("there is no C compiler cc")
	}
	header := filepath.Join(t.TempDir(), "net work.h")
	if err := Write(header, configs.C, net, Options{}); err != nil {
		t.Fatal(err)
	}
	program := strings.TrimSuffix(header, ".h")
	args := append([]string{"-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o", program, program + ".c"}, flags...)
	if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("cc %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return program
}

// pixels returns n random images of bytes, and what the network takes of them.
func pixels(rng *rand.Rand, net *integer.Network, n int) ([]byte, []float32) {
	p := make([]byte, n*net.Tensors[0].Len())
	x := make([]float32, len(p))
	for i := range p {
		p[i] = uint8(rng.UintN(256))
		x[i] = (float32(p[i])/255 - net.Mean[i%3]) / net.Std[i%3]
	}
	return p, x
}

// batchFile writes images as CIFAR-10's binary batches have them; image i has
// the label i.
func batchFile(t *testing.T, net *integer.Network, pictures []byte) string {
	t.Helper()
	var file []byte
	size := net.Tensors[0].Len()
	for i := 0; i < len(pictures); i += size {
		file = append(file, uint8(i/size))
		for c := range 3 {
			for p := i + c; p < i+size; p += 3 {
				file = append(file, pictures[p])
			}
		}
	}
	path := filepath.Join(t.TempDir(), "batch.bin")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// dyadicLogits are the logits' integers (n, classes).
func dyadicLogits(t *testing.T, net *integer.Network, x []float32, n int) []int32 {
	t.Helper()
	pool := threads.New(1)
	defer pool.Close()
	r, err := integer.NewRunner(net, pool, n)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(x, n); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(r.Integers(n))
}

func predicted(logits []int32) int {
	best := 0
	for o, v := range logits {
		if v > logits[best] {
			best = o
		}
	}
	return best
}

// The C program gives the integers of package integer.
func TestCProgram(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	nets := []*integer.Network{small(), integertest.ResNet20(rng, 4)}
	for len(nets) < 7 {
		if net := integertest.Random(rng); net.Tensors[0].C == 3 {
			nets = append(nets, net)
		}
	}
	nets = append(nets, integertest.Pooled(rng))
	for len(nets) < 12 {
		if net := integertest.RandomWindows(rng); net.Tensors[0].C == 3 {
			nets = append(nets, net)
		}
	}
	for i, w := range nets[2].Layers[0].(*integer.Conv).Weights {
		nets[2].Layers[0].(*integer.Conv).Weights[i] = w&1*2 - 1
	}
	nets[2].Layers[0].(*integer.Conv).WeightBits = 2
	different := map[int32]bool{}
	for i, net := range nets {
		net.Target = integer.Dyadic
		if last := net.Layers[len(net.Layers)-1].(*integer.Linear); i%2 == 0 {
			last.Scale[0] *= 0.7 // logits of several scales
		}
		flags := []string{"-O2"}
		if runtime.GOARCH == "amd64" && i == 0 {
			flags = append(flags, "-mgeneral-regs-only") // without registers for floating point
		}
		program := compile(t, net, flags...)
		const n = 3
		pictures, x := pixels(rng, net, n)
		want := dyadicLogits(t, net, x, n)
		var lines strings.Builder
		classes := len(want) / n
		for k := range n {
			row := want[k*classes:][:classes]
			fmt.Fprintf(&lines, "%d %d %s\n", k, predicted(row), strings.Trim(fmt.Sprint(row), "[]"))
			for _, v := range row {
				different[v] = true
			}
		}
		path := batchFile(t, net, pictures)
		if got := output(t, program, "--cifar", path); got != lines.String() {
			t.Fatalf("network %d: the program prints\n%swant\n%s", i, got, &lines)
		}
		first, _, _ := strings.Cut(lines.String(), "\n")
		if got := output(t, program, "--cifar", path, "1"); got != first+"\n" {
			t.Fatalf("network %d: the program prints\n%swant\n%s", i, got, first)
		}
		checkPicture(t, program, net, pictures[:net.Tensors[0].Len()], want[:classes])
	}
	if len(different) < 30 {
		t.Errorf("only %d different logits were compared", len(different))
	}
}

// checkPicture classifies an image from its bytes and from a PPM.
func checkPicture(t *testing.T, program string, net *integer.Network, pixels []byte, logits []int32) {
	t.Helper()
	names := net.Classes
	var want strings.Builder
	for o, v := range logits {
		if len(names) == o {
			names = append(names, fmt.Sprint(o))
		}
		fmt.Fprintf(&want, "%d %s\n", v, names[o])
	}
	fmt.Fprintf(&want, "=> %s\n", names[predicted(logits)])
	in := net.Tensors[0]
	header := fmt.Sprintf("P6\n# a comment\n%d %d\n255\n", in.W, in.H)
	for name, file := range map[string][]byte{"--raw": pixels, "": append([]byte(header), pixels...)} {
		path := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		args := []string{name, path}
		if name == "" {
			args = args[1:]
		}
		if got := output(t, program, args...); got != want.String() {
			t.Errorf("%s: the program prints\n%swant\n%s", name, got, &want)
		}
	}
}

// Bad images end with a message, not with a class.
func TestCProgramRejects(t *testing.T) {
	net := small()
	net.Target = integer.Dyadic
	program := compile(t, net, "-fsanitize=undefined", "-fno-sanitize-recover=all")
	picture := strings.Repeat("x", 48)
	for _, tt := range []struct{ name, arg, file, want string }{
		{"PNG", "", "\x89PNG", "is no binary PPM"},
		{"text PPM", "", "P3\n4 4\n255\n1 2 3", "is no binary PPM"},
		{"size", "", "P6\n4 5\n255\n" + picture, "has another size"},
		{"huge size", "", "P6\n999999999999999999999999 4\n255\n" + picture, "has another size"},
		{"no number", "", "P6\n# only a comment", "has another size"},
		{"16 bits", "", "P6\n4 4\n65535\n" + picture, "largest value"},
		{"short", "", "P6\n4 4\n255\n" + picture[1:], "too few bytes"},
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
	net := small()
	net.Name, net.Target = "*/ evil \\\n", integer.Dyadic
	net.Classes = []string{`"??/`, "größer\n"}
	header := filepath.Join(t.TempDir(), "x.h")
	var before []byte
	for range 2 {
		if err := Write(header, configs.C, net, Options{}); err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, path := range Files(header, configs.C) {
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
	for _, want := range []string{`#include "x.h"`, `"\042\077\077/"`, `"gr\303\266\303\237er\012"`, "/* __ evil __: an integer network"} {
		if !strings.Contains(code, want) {
			t.Errorf("the C files do not contain %q", want)
		}
	}
	compile(t, net)
	compile(t, net, "-c", "-DQAT_NO_MAIN") // as a microcontroller's program includes it
	net.Target = integer.Float32
	if err := Write(header, configs.C, net, Options{}); err == nil || !strings.Contains(err.Error(), "computes with target dyadic only") {
		t.Errorf("target float32: error %v", err)
	}
	net.Target = integer.Dyadic
	if err := Write(filepath.Join(t.TempDir(), "x.c"), configs.C, net, Options{}); err == nil || !strings.Contains(err.Error(), "ends in .h") {
		t.Errorf("x.c: error %v", err)
	}
}
