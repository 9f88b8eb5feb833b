package qat_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// registers panic on purpose: what a program registers while it starts is wrong or not before it runs.
var registers = []string{"estimators.Register", "estimators.RegisterSTE", "datasets.Register"}

// TestZero calls every exported function and method with nil and zero values: they may give errors, and do not panic.
func TestZero(t *testing.T) {
	packages, _, _ := public(t)
	var imports, functions, types strings.Builder
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		pkg := packages[dir][0].Name.Name
		if strings.HasSuffix(pkg, "test") {
			continue // helpers of tests
		}
		fmt.Fprintf(&imports, "%q\n", module+dir)
		for _, f := range packages[dir] {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if of := pkg + "." + d.Name.Name; d.Recv == nil && d.Name.IsExported() && !slices.Contains(registers, of) {
						fmt.Fprintf(&functions, "%q: %s%s,\n", of, of, instance(d.Type.TypeParams))
					}
				case *ast.GenDecl:
					for _, s := range d.Specs {
						if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() {
							of := pkg + "." + s.Name.Name
							fmt.Fprintf(&types, "%q: reflect.TypeFor[%s%s](),\n", of, of, instance(s.TypeParams))
						}
					}
				}
			}
		}
	}
	list := "package main\nimport (\n\"reflect\"\n" + imports.String() + ")\nvar functions = map[string]any{\n" + functions.String() +
		"}\nvar types = map[string]reflect.Type{\n" + types.String() + "}\n"
	dir := t.TempDir()
	here, err := filepath.Abs("testdata/zero")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "list.go"): write("list.go", []byte(list))}})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "zero.exe")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, "-overlay", write("overlay.json", overlay), "./testdata/zero")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.Command(program)
	run.Dir = t.TempDir()
	out, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// instance are the arguments for type parameters.
func instance(p *ast.FieldList) string {
	if p.NumFields() == 0 {
		return ""
	}
	return "[" + strings.TrimSuffix(strings.Repeat("float32, ", p.NumFields()), ", ") + "]"
}
