package integer

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Kinds has every type of this package that is a layer, each once.
func TestKinds(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	layers := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if method, ok := d.(*ast.FuncDecl); ok && method.Recv != nil && method.Name.Name == "LayerName" {
				layers++
			}
		}
	}
	kinds := Kinds()
	if distinct := slices.Compact(slices.Sorted(slices.Values(kinds))); len(distinct) != layers || len(kinds) != layers {
		t.Errorf("kinds %q, but %d types of layers", kinds, layers)
	}
}
