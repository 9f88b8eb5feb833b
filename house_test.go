package qat_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/qat-go/qat/"

// house lists the packages from top to bottom, subpackages with their parent.
// Imports point downwards only.
var house = []string{
	"cmd/qat",
	"experiments",
	"verify",
	"sensitivity",
	"train",
	"export",
	"layers",
	"quantize",
	"integer",
	"configs",
	"networks/read",
	"networks",
	"datasets",
	"estimators",
	"allocate",
	"threads",
	"syntax",
	"internal/machine",
	"internal/graph",
	"internal/safetensors",
	"internal/torchfile",
	"internal/onnx",
	"internal/onnxruntime",
	"internal/kernels",
	"internal/staircase",
	"internal/arena",
	"internal/chart",
	"internal/memory",
	"internal/mutation",
	"internal/npy",
	"internal/random",
	"internal/registry",
	"internal/filetype",
	"internal/imagefile",
	"internal/resize",
	"internal/regular",
	"internal/atomicfile",
	"internal/filelock",
	"internal/faults",
	"internal/digest",
}

// ground is what every package may import; it imports nothing else of the project.
var ground = []string{"internal/imagefile", "internal/resize", "internal/staircase", "internal/mutation", "internal/npy", "internal/random", "internal/registry", "internal/regular", "internal/atomicfile", "internal/filelock", "internal/faults", "internal/digest"}

// grounded packages import nothing else of the project.
var grounded = append([]string{"allocate", "datasets", "estimators", "internal/arena", "internal/chart", "internal/filetype", "internal/kernels", "internal/memory", "internal/onnx", "internal/onnxruntime", "internal/safetensors", "internal/torchfile", "networks", "syntax"}, ground...)

// TestHouse keeps the layers of the project apart: nothing below knows what is
// above it. Tests count too.
func TestHouse(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), "_") || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		file = filepath.ToSlash(file)
		if path.Dir(file) == "." {
			return nil // this file
		}
		from := floor(path.Dir(file))
		if from < 0 {
			t.Errorf("%s: its package has no place in the house; give it one in house_test.go", file)
			return nil
		}
		seen[house[from]] = true
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			p, ours := strings.CutPrefix(p, module)
			to := floor(p)
			switch {
			case !ours || to == from:
			case to < from:
				t.Errorf("%s imports %s, which is above it or has no place in the house", file, p)
			case slices.Contains(grounded, house[from]) && !slices.Contains(ground, house[to]):
				t.Errorf("%s imports %s; of the project, %s imports %s only", file, p, house[from], strings.Join(ground, ", "))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range grounded {
		if !seen[name] {
			t.Errorf("%s was not found; this test checks nothing", name)
		}
	}
}

// floor is the index in house of the package or of its parent, -1 if neither is
// there.
func floor(pkg string) int {
	for i, name := range house {
		if pkg == name || strings.HasPrefix(pkg, name+"/") {
			return i
		}
	}
	return -1
}

// TestErrorsNameNoPackage keeps the names of packages out of what users read: an
// error begins with the file, key or layer that it is about. What internal/graph and
// internal/machine report are mistakes of the program, not of its input.
func TestErrorsNameNoPackage(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return err
		}
		if name := f.Name.Name; name == "graph" || name == "machine" || name == "onnxruntime" { // the last is a program's name too
			return nil
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			of, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || of.Sel.Name != "Errorf" && of.Sel.Name != "New" {
				return true
			}
			if text, ok := call.Args[0].(*ast.BasicLit); ok {
				seen++
				if strings.HasPrefix(text.Value, `"`+f.Name.Name+": ") {
					t.Errorf("%s: the error %s begins with the name of its package", file, text.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Errorf("found %d errors; is the test blind?", seen)
	}
}
