package dyadic

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// real tells that a type is, or holds values of, a floating-point type. Fields of
// structs count where they are used.
func real(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Info()&(types.IsFloat|types.IsComplex) != 0
	case *types.Slice:
		return real(t.Elem())
	case *types.Array:
		return real(t.Elem())
	case *types.Pointer:
		return real(t.Elem())
	case *types.Map:
		return real(t.Key()) || real(t.Elem())
	case *types.Signature:
		for _, list := range []*types.Tuple{t.Params(), t.Results()} {
			for i := range list.Len() {
				if real(list.At(i).Type()) {
					return true
				}
			}
		}
	}
	return false
}

// fieldsOfSums are those of kernels.IntForward that make it give integer sums. Its
// others are for floating point; with Sums set, they are not read.
var fieldsOfSums = []string{"Weights", "Codes", "ZeroPoint", "Bias", "Sums"}

// reals lists every expression of the files that is, takes or gives a floating-point
// number.
func reals(files []*ast.File, info *types.Info) []string {
	var found []string
	report := func(n ast.Node, what string) { found = append(found, fset.Position(n.Pos()).String()+": "+what) }
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if literal, ok := n.(*ast.CompositeLit); ok && strings.HasSuffix(info.Types[literal].Type.String(), "/kernels.IntForward") {
				names := []string{}
				for _, e := range literal.Elts {
					names = append(names, e.(*ast.KeyValueExpr).Key.(*ast.Ident).Name)
				}
				if !slices.Equal(names, fieldsOfSums) {
					report(n, "kernels.IntForward sets "+strings.Join(names, ", "))
				}
			}
			if e, ok := n.(ast.Expr); ok {
				if t := info.Types[e]; t.Type != nil && real(t.Type) {
					report(n, types.ExprString(e))
				}
			}
			if id, ok := n.(*ast.Ident); ok {
				if o := info.ObjectOf(id); o != nil && o.Type() != nil && real(o.Type()) {
					report(n, id.Name)
				}
			}
			return true
		})
	}
	return found
}

// fset and sources are shared, because reading the imported packages takes a second.
var (
	fset    = token.NewFileSet()
	sources = importer.ForCompiler(fset, "source", nil)
)

func typed(t *testing.T, files []*ast.File) *types.Info {
	t.Helper()
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	c := types.Config{Importer: sources}
	if _, err := c.Check("dyadic", fset, files, info); err != nil {
		t.Fatal(err)
	}
	return info
}

// The source of this package has no expression of a floating-point type, and its types
// have no field of one: what it computes, it computes in integers.
func TestIntegersOnly(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) < 4 {
		t.Fatalf("found %d files; is the test blind?", len(files))
	}
	for _, r := range reals(files, typed(t, files)) {
		t.Errorf("floating point at %s", r)
	}
	for _, v := range []any{Multiplier{}, Rounding{}, Shortcut{}} {
		if path := realField(reflect.TypeOf(v)); path != "" {
			t.Errorf("%T%s holds floating-point numbers", v, path)
		}
	}
}

// What the kernels do with sums, products and shifts has none either. The sums
// themselves come from kernels.IntForward, whose products are of bytes or words.
func TestKernelsOfIntegers(t *testing.T) {
	dir := filepath.Join("..", "..", "internal", "kernels")
	p, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all, shifts []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
		if strings.HasPrefix(name, "shift") {
			shifts = append(shifts, f)
		}
	}
	if len(shifts) != 2 {
		t.Fatalf("%d files of shifts, want 2: shift.go and that of the processor", len(shifts))
	}
	info := typed(t, all)
	for _, r := range reals(shifts, info) {
		t.Errorf("floating point at %s", r)
	}
	if len(reals(all, info)) == 0 {
		t.Error("no floating point in all the kernels; is the test blind?")
	}
}

// realField is the path to a floating-point number in a type, "" if there is none.
func realField(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return "!"
	case reflect.Slice, reflect.Array, reflect.Pointer:
		return realField(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if p := realField(t.Field(i).Type); p != "" {
				return "." + t.Field(i).Name + p
			}
		}
	}
	return ""
}

// The proof sees what it looks for.
func TestIntegersOnlyFinds(t *testing.T) {
	for _, body := range []string{
		"func f(a int32) int32 { return int32(float32(a) * 0.5) }",
		"func f(a int) int { return int(math.Sqrt(float64(a))) }",
		"type s struct{ x []float64 }",
		"func f(m map[int]float32) int { return len(m) }",
		"var c = 1i",
		"func f() any { return &kernels.IntForward{Scale: nil} }",
		"func f(x *kernels.IntForward) bool { return x.Scale == nil }",
		"var f = kernels.Requantize",
	} {
		source := "package dyadic\n"
		for name, path := range map[string]string{"math.": "math", "kernels.": "github.com/qat-go/qat/internal/kernels"} {
			if strings.Contains(body, name) {
				source += "import \"" + path + "\"\n"
			}
		}
		f, err := parser.ParseFile(fset, "x.go", source+body, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(reals([]*ast.File{f}, typed(t, []*ast.File{f}))) == 0 {
			t.Errorf("nothing is found in %s", body)
		}
	}
}
