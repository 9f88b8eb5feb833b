package qat_test

import (
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
	"train",
	"export",
	"layers",
	"integer",
	"configs",
	"datasets",
	"estimators",
	"internal/machine",
	"internal/graph",
	"internal/safetensors",
	"internal/torchfile",
	"internal/onnx",
	"internal/onnxruntime",
	"internal/kernels",
	"internal/memory",
	"internal/random",
	"internal/regular",
	"internal/atomicfile",
	"internal/filelock",
	"internal/faults",
}

// ground is what every package may import; it imports nothing else of the project.
var ground = []string{"internal/random", "internal/regular", "internal/atomicfile", "internal/filelock", "internal/faults"}

// grounded packages import nothing else of the project.
var grounded = append([]string{"datasets", "estimators", "internal/kernels", "internal/memory", "internal/onnx", "internal/onnxruntime", "internal/safetensors", "internal/torchfile"}, ground...)

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
