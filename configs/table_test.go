package configs

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/qat-go/qat/syntax"
)

// Every row has a documented meaning and a default of the type of its place.
func TestTable(t *testing.T) {
	var c Config
	places := map[any]string{}
	walk(table(), "", func(path string, f field) {
		if f.doc == "" {
			t.Errorf("%s has no doc", path)
		}
		if f.at == nil {
			return
		}
		if other, taken := places[f.at(&c)]; taken {
			t.Errorf("%s and %s have the same place", path, other)
		}
		places[f.at(&c)] = path
		if f.def == nil || path == "name" {
			return
		}
		assign(f.at(&c), f.def) // panics on a wrong type
		n := syntax.Parse([]byte(f.kind.format(f.def)), func(int, int) Pos { return Pos{} }, new(ErrorList))
		if v, err := f.kind.parse(n); err != nil || !reflect.DeepEqual(v, f.def) {
			t.Errorf("%s: default %v is read back as %v, %v", path, f.def, v, err)
		}
	})
}

func TestSchema(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	if schema["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", schema["$schema"])
	}
	known := func(path string) bool {
		s := schema
		keys, err := parsePath(path)
		for _, key := range keys {
			next, ok := s["additionalProperties"].(map[string]any) // of rules, whose keys are globs
			if !ok {
				next, ok = s["properties"].(map[string]any)[key].(map[string]any)
				ok = ok && s["additionalProperties"] == false
			}
			if !ok || err != nil {
				return false
			}
			s = next
		}
		return true
	}
	for _, e := range Names() {
		for path := range mustLoad(t, e.Name).origins {
			if !known(path) {
				t.Errorf("%s: the schema does not have %s", e.Name, path)
			}
		}
	}
	for _, path := range []string{"train.lrr", "quant.schedules"} {
		if known(path) {
			t.Errorf("the schema has %s", path)
		}
	}
	weights := schema["properties"].(map[string]any)["quant"].(map[string]any)["properties"].(map[string]any)["weights"].(map[string]any)["properties"].(map[string]any)
	if options := weights["options"].(map[string]any)["properties"].(map[string]any); options["share"] == nil || options["t"] == nil || options["decay"] != nil {
		t.Errorf("schema of quant.weights.options: %v", options)
	}
	if names := weights["estimator"].(map[string]any)["enum"].([]any); !slices.Contains(names, any("twn")) || !slices.Contains(names, any("lsq@paper")) || slices.Contains(names, any("pact@paper")) {
		t.Errorf("schema of quant.weights.estimator: %v", names)
	}
	lr := schema["properties"].(map[string]any)["train"].(map[string]any)["properties"].(map[string]any)["lr"].(map[string]any)
	if lr["exclusiveMinimum"] != 0.0 || lr["default"] != 0.01 || lr["type"] != "number" {
		t.Errorf("schema of train.lr: %v", lr)
	}
}

// A caller that changes its Config must not change the next one.
func TestDefaultsAreNotShared(t *testing.T) {
	mustLoad(t, "quickstart").Export.Formats[0] = "changed"
	if got := mustLoad(t, "quickstart").Export.Formats[0]; got != Safetensors {
		t.Errorf("default format is now %q", got)
	}
}
