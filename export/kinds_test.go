package export

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/integer"
	"github.com/qat-go/qat/integer/integertest"
)

// Every format has a row for every kind of layer, and for no other.
func TestKinds(t *testing.T) {
	want := slices.Sorted(slices.Values(integer.Kinds()))
	for _, f := range formats {
		got := slices.DeleteFunc(f.kinds(), func(k string) bool { return k == convWindow || k == maxPoolWindow }) // other rows of conv and max_pool
		if !slices.Equal(got, want) {
			t.Errorf("format %s has rows for the kinds %q, want %q", f.name, got, want)
		}
	}
	for _, kind := range want {
		for _, name := range columns[kind] {
			if layerFields[name] == nil {
				t.Errorf("kind %s: column %s is no field of a row", kind, name)
			}
		}
	}
}

// The C program has a case for every kind, and its tables the name.
func TestCKinds(t *testing.T) {
	for _, kind := range integer.Kinds() {
		name := "QAT_" + strings.ToUpper(kind)
		for file, text := range map[string]string{"model.c": cProgram, "tables.tmpl": cTables} {
			if !strings.Contains(text, name+":") && !strings.Contains(text, name+",") && !strings.Contains(text, name+" }") {
				t.Errorf("csource/%s does not know %s", file, name)
			}
		}
	}
}

// stranger is a layer of a kind that no table knows.
type stranger struct{ *integer.Shortcut }

func (stranger) Kind() string { return "stranger" }

// A kind that a table does not know is an error, not a hole in the file.
func TestUnknownKind(t *testing.T) {
	l := stranger{&integer.Shortcut{Name: "odd"}}
	errs := map[string]error{
		"safetensors": (&encoder{}).layer(l),
		"onnx":        qdqKinds.write(nil, l), "qonnx": qonnxKinds.write(nil, l), "npz": npzKinds.write(nil, l), "c": cKinds.write(nil, l),
	}
	for format, err := range errs {
		if want := `odd: a layer of kind "stranger" cannot be written`; err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", format, err, want)
		}
	}
}

// A file has the columns of the kinds in it: one without a kind is what it was before the kind was there.
func TestColumns(t *testing.T) {
	for want, net := range map[string]*integer.Network{
		"[add average_pool conv linear requantize shortcut tensors]": small(),
		"[conv linear max_pool tensors]":                             integertest.Pooled(rand.New(rand.NewPCG(1, 2))),
	} {
		f, err := encode(net)
		if err != nil {
			t.Fatal(err)
		}
		text, err := f.Get(manifestName)
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseManifest(text.Data)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(sortedKeys(m.Columns)); got != want {
			t.Errorf("%s: columns of %s, want %s", net.Name, got, want)
		}
	}
}
