package qat_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// misspelt is initialized after the others. What it does tells on stderr what configs know of them.
const misspelt = `package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/estimators"
)

func init() {
	_, err := configs.Parse("x.yaml", []byte("train: {epochs: 1}\ndata: {dataset: strips}\nquant: {weights: {bits: 4, estimator: fixed_pont}, activations: {bits: 4}}"))
	schema := string(configs.Schema())
	fmt.Fprintln(os.Stderr, err, "in the schema:", strings.Contains(schema, "\"stripes\""), strings.Contains(schema, "\"fixed_point\""))
	defer func() { fmt.Fprintln(os.Stderr, recover()) }()
	estimators.Register(estimators.Method{Name: "late", Weights: true, MinBits: 2, MaxBits: 2, Is: func(estimators.Spec) estimators.Traits { return estimators.Traits{} }, New: func(estimators.Spec) (estimators.Estimator, error) { return nil, nil }})
}
`

// TestLibrary builds the program of docs/library.md as another module, and runs it.
func TestLibrary(t *testing.T) {
	text, err := os.ReadFile("docs/library.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	blocks := strings.Split(string(text), "```go\n")[1:]
	files := []string{"fixed_point.go", "stripes.go", "main.go"}
	if len(blocks) != len(files) {
		t.Fatalf("%d blocks of Go, want %d", len(blocks), len(files))
	}
	for i, name := range files {
		code, _, closed := strings.Cut(blocks[i], "```")
		if !closed || !strings.Contains(string(text), "`"+name+"`") {
			t.Fatalf("block %d is not closed or not introduced as %s", i, name)
		}
		write(name, code)
	}
	write("z_after.go", misspelt)
	_, printed, found := strings.Cut(string(text), "It prints\n\n```\n")
	want, _, closed := strings.Cut(printed, "```")
	if !found || !closed {
		t.Fatal("no block of what it prints")
	}
	// What our own go.mod requires, the other one does, and nothing is fetched.
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, required, found := strings.Cut(string(module), "\n")
	required, _, _ = strings.Cut(required, "\ntool ")
	sums, err := os.ReadFile("go.sum")
	if err != nil || !found {
		t.Fatal(err)
	}
	write("go.mod", "module example.com/stripes\n"+required+"\nrequire github.com/qat-go/qat v0.0.0\n\nreplace github.com/qat-go/qat => "+filepath.ToSlash(here)+"\n")
	write("go.sum", string(sums))
	run := func(name string, args ...string) (string, string) {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		var out, said strings.Builder
		c.Stdout, c.Stderr = &out, &said
		if err := c.Run(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, &said)
		}
		return out.String(), said.String()
	}
	program := filepath.Join(dir, "stripes.exe")
	run("go", "build", "-ldflags=-s -w", "-o", program, ".")
	got, said := run(program)
	if got != want {
		t.Errorf("it prints\n%swant\n%s", got, want)
	}
	for _, want := range []string{
		`unknown value "strips" (did you mean "stripes"?)`, `unknown value "fixed_pont" (did you mean "fixed_point"?)`,
		"in the schema: true true", `registering the method "late": it comes too late`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("errors are\n%swant %s", said, want)
		}
	}
}
