// Package exporttest compiles and runs exported C programs for tests.
package exporttest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/export"
	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/threads"
)

// Need returns the path of a program, without which the test is skipped; with $QAT_TEST_TOOLS=all it fails.
func Need(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("QAT_TEST_TOOLS") == "all" {
		t.Fatalf("%s is missing, which $QAT_TEST_TOOLS wants: %v", name, err)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// Strict are the flags under which C and C++ build without a warning.
var Strict = []string{"-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"}

// C99 and CPP begin command lines of the strict compilers; CPP reads C files as C++.
var (
	C99 = append([]string{"cc", "-std=c99"}, Strict...)
	CPP = append([]string{"g++", "-x", "c++"}, Strict...)
)

// Sanitized makes a program end at undefined behaviour, and at memory that is not its own.
var Sanitized = []string{"-fsanitize=undefined,address", "-fno-sanitize-recover=all"}

// Write exports the network in C to a new folder and returns the path of the header without its extension.
func Write(t testing.TB, net *integer.Network, o export.Options) string {
	t.Helper()
	header := filepath.Join(t.TempDir(), "net work.h")
	if err := export.Write(header, configs.C, net, o); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(header, ".h")
}

// Run runs a command and returns what it prints.
func Run(t testing.TB, command ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(Need(t, command[0]), command[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, out, &stderr)
	}
	return string(out)
}

// Compile exports the network, and returns the program that the compiler makes of it.
func Compile(t testing.TB, net *integer.Network, compiler ...string) string {
	t.Helper()
	program := Write(t, net, export.Options{})
	Run(t, slices.Concat(compiler, []string{"-o", program, program + ".c"})...)
	return program
}

// Batch writes n random images for the program's --cifar, and returns the file and what the program has to print: the
// logits of the network with target dyadic.
func Batch(t testing.TB, rng *rand.Rand, net *integer.Network, n int) (path, want string) {
	t.Helper()
	in := net.Tensors[0]
	pixels := make([]uint8, n*in.Len())
	for i := range pixels {
		pixels[i] = uint8(rng.UintN(256))
	}
	var file []byte
	for i := range n {
		file = append(file, uint8(i)) // the label
		for c := range in.C {
			for p := range in.H * in.W {
				file = append(file, pixels[i*in.Len()+p*in.C+c])
			}
		}
	}
	path = filepath.Join(t.TempDir(), "batch.bin")
	if err := os.WriteFile(path, file, 0o666); err != nil {
		t.Fatal(err)
	}
	logits := Logits(t, net, pixels)
	classes := len(logits) / n
	for i := range n {
		row := logits[i*classes:][:classes]
		want += fmt.Sprintln(i, slices.Index(row, slices.Max(row)), strings.Trim(fmt.Sprint(row), "[]"))
	}
	return path, want
}

// Logits are the integers (n, classes) of images of pixels with target dyadic, or of codes if the network is of numbers.
func Logits(t testing.TB, net *integer.Network, pixels []uint8) []int32 {
	t.Helper()
	of := *net
	of.Target = integer.Dyadic
	pool := threads.New(1)
	defer pool.Close()
	n := len(pixels) / net.Tensors[0].Len()
	r, err := integer.NewRunner(&of, pool, n)
	if err != nil {
		t.Fatal(err)
	}
	x := of.Normalize(pixels)
	if of.Real { // pixels are codes
		for _, code := range pixels {
			x = append(x, float32(int(code)-int(of.Tensors[0].ZeroPoint))*of.Tensors[0].Scale)
		}
	}
	if _, err := r.Run(x, n); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(r.Integers(n))
}
