package qat_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// public returns the parsed packages that other modules can import, by path, and those of their tests' files beside them.
func public(t *testing.T) (packages, tests map[string][]*ast.File, fset *token.FileSet) {
	packages, tests, fset = map[string][]*ast.File{}, map[string][]*ast.File{}, token.NewFileSet()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), "_") || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "internal") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(file) != ".go" || path.Dir(filepath.ToSlash(file)) == "." {
			return nil
		}
		f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(file))
		switch {
		case strings.HasSuffix(file, "_test.go"):
			tests[dir] = append(tests[dir], f)
		case f.Name.Name != "main":
			packages[dir] = append(packages[dir], f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 12 {
		t.Fatalf("found %d packages; is the test blind?", len(packages))
	}
	return packages, tests, fset
}

// hidden are the types of internal packages that a declaration shows: in signatures, in exported fields and methods of
// types, in what an alias stands for, in exported variables. What a defined type is made of does not count: "type Pool
// kernels.Pool" has none of the fields and methods of the other.
func hidden(f *ast.File) (found []string) {
	internal := map[string]bool{}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil || !strings.HasPrefix(p, module+"internal/") {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		internal[name] = true
	}
	look := func(where string, n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && internal[x.Name] {
					found = append(found, where+" shows "+x.Name+"."+s.Sel.Name)
				}
			}
			return true
		})
	}
	fields := func(where string, list *ast.FieldList) {
		for _, field := range list.List {
			if len(field.Names) == 0 || slices.ContainsFunc(field.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
				look(where, field.Type)
			}
		}
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || receiver(d).IsExported()) {
				look(name(d), d.Type)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					switch of := s.Type.(type) {
					case *ast.StructType:
						if s.Name.IsExported() {
							fields(s.Name.Name, of.Fields)
						}
					case *ast.InterfaceType:
						if s.Name.IsExported() {
							fields(s.Name.Name, of.Methods)
						}
					case *ast.SelectorExpr:
						if s.Name.IsExported() && s.Assign.IsValid() {
							look(s.Name.Name, of)
						}
					default:
						if s.Name.IsExported() {
							look(s.Name.Name, of)
						}
					}
				case *ast.ValueSpec:
					if d.Tok == token.VAR && s.Type != nil && slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
						look(s.Names[0].Name, s.Type)
					}
				}
			}
		}
	}
	return found
}

func receiver(d *ast.FuncDecl) *ast.Ident {
	of := d.Recv.List[0].Type
	for {
		switch e := of.(type) {
		case *ast.StarExpr:
			of = e.X
		case *ast.IndexExpr:
			of = e.X
		case *ast.Ident:
			return e
		default:
			return ast.NewIdent("_")
		}
	}
}

func name(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	return receiver(d).Name + "." + d.Name.Name
}

// shown is what stays: by package and declaration, with the reason.
var shown = map[string]string{
	"estimators: Staircase":                "one type for methods and kernels; methods name it as it stands here",
	"estimators: StaircaseSums":            "as Staircase",
	"integer/dyadic: Rounding.Convolution": "a loop of kernels; it stands there since a test of that package holds that nothing in it is floating point",
}

// TestPublicSignatures keeps types of internal packages, which other modules cannot name, out of what they can call.
func TestPublicSignatures(t *testing.T) {
	packages, _, _ := public(t)
	used := map[string]bool{}
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		for _, f := range packages[dir] {
			for _, what := range hidden(f) {
				at, _, _ := strings.Cut(dir+": "+what, " shows ")
				if used[at] = true; shown[at] == "" {
					t.Errorf("%s: %s, which other modules cannot name", dir, what)
				}
			}
		}
	}
	for at := range shown {
		if !used[at] {
			t.Errorf("%s shows nothing internal any more; take it out of the list", at)
		}
	}
}

// TestHidden tries what the test above finds.
func TestHidden(t *testing.T) {
	for code, want := range map[string]int{
		"func F(p *kernels.Pool)":                                1,
		"func F() []k.Loop":                                      1,
		"func f(p *kernels.Pool)":                                0,
		"type T struct{}; func (t *T) M(a map[string]kernels.A)": 1,
		"type t struct{}; func (t *t) M(a kernels.A)":            0,
		"type T struct{ A, b kernels.A }":                        1,
		"type T struct{ a kernels.A }":                           0,
		"type T struct{ kernels.A }":                             1,
		"type T = kernels.A":                                     1,
		"type T kernels.A":                                       0,
		"type T []kernels.A":                                     1,
		"type T interface{ M(kernels.A) }":                       1,
		"type T func(kernels.A)":                                 1,
		"var V kernels.A":                                        1,
		"const C = kernels.A":                                    0,
		"func F(p other.Pool)":                                   0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport (\"other\"; \""+module+"internal/kernels\"; k \""+module+"internal/kernels\")\n"+code, 0)
		if err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		if got := hidden(f); len(got) != want {
			t.Errorf("%s: found %v, want %d", code, got, want)
		}
	}
}

// TestExamples keeps a runnable Example of a package's main entry in every package: one with output, which go test checks.
func TestExamples(t *testing.T) {
	packages, tests, _ := public(t)
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		if packages[dir][0].Name.Name != path.Base(dir) || strings.HasSuffix(dir, "test") {
			continue // helpers of tests
		}
		runs := func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput }
		if !slices.ContainsFunc(doc.Examples(tests[dir]...), runs) {
			t.Errorf("%s has no Example with an Output", dir)
		}
	}
}
