package read

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
	"gopkg.in/yaml.v3"
)

// valid tells that v, as JSON, is what a schema describes.
func valid(t *testing.T, defs, s map[string]any, v any) bool {
	t.Helper()
	all := func(key string, ok func(map[string]any) bool) (n int) {
		for _, sub := range s[key].([]any) {
			if ok(sub.(map[string]any)) {
				n++
			}
		}
		return n
	}
	fits := func(sub map[string]any) bool { return valid(t, defs, sub, v) }
	types := map[string]string{"string": "string", "float64": "number", "bool": "boolean", "map[string]interface {}": "object", "[]interface {}": "array", "<nil>": "null"}
	m, _ := v.(map[string]any)
	list, _ := v.([]any)
	number, isNumber := v.(float64)
	for key, want := range s {
		ok := true
		switch key {
		case "$ref":
			ok = valid(t, defs, defs[strings.TrimPrefix(want.(string), "#/$defs/")].(map[string]any), v)
		case "anyOf":
			ok = all(key, fits) > 0
		case "oneOf":
			ok = all(key, fits) == 1
		case "enum":
			ok = slices.Contains(want.([]any), v)
		case "const":
			ok = reflect.DeepEqual(want, v)
		case "type":
			names, several := want.([]any)
			if !several {
				names = []any{want}
			}
			is := types[fmt.Sprintf("%T", v)]
			ok = slices.Contains(names, any(is)) || isNumber && number == float64(int(number)) && slices.Contains(names, any("integer"))
		case "required":
			for _, name := range want.([]any) {
				_, there := m[name.(string)]
				ok = ok && there
			}
		case "properties":
			for name, sub := range want.(map[string]any) {
				if value, there := m[name]; there {
					ok = ok && valid(t, defs, sub.(map[string]any), value)
				}
			}
		case "additionalProperties":
			properties, _ := s["properties"].(map[string]any)
			for name, value := range m {
				if _, known := properties[name]; !known {
					sub, schema := want.(map[string]any)
					ok = ok && schema && valid(t, defs, sub, value)
				}
			}
		case "items":
			for _, item := range list {
				ok = ok && valid(t, defs, want.(map[string]any), item)
			}
		case "minItems":
			ok = list == nil || len(list) >= int(want.(float64))
		case "maxItems":
			ok = len(list) <= int(want.(float64))
		case "minimum":
			ok = !isNumber || number >= want.(float64)
		case "maximum":
			ok = !isNumber || number <= want.(float64)
		case "maxLength":
			text, _ := v.(string)
			ok = len(text) <= int(want.(float64))
		case "maxProperties":
			ok = len(m) <= int(want.(float64))
		case "pattern":
			text, isText := v.(string)
			ok = !isText || regexp.MustCompile(want.(string)).MatchString(text)
		case "description", "default", "title", "$schema":
		default:
			t.Fatalf("the schema has %s, which is not checked here", key)
		}
		if !ok {
			return false
		}
	}
	return true
}

// asJSON is a value as JSON has it.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The schema takes what is read, the embedded networks and every operation with each attribute, and refuses what is not.
func TestSchema(t *testing.T) {
	schema, defs := asJSON(t, Schema()).(map[string]any), asJSON(t, Definitions()).(map[string]any)
	is := func(text string) bool {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return valid(t, defs, schema, asJSON(t, v))
	}
	files, err := filepath.Glob("../../configs/networks/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !is(string(text)) {
			t.Errorf("%s is not what the schema describes", file)
		}
	}
	for _, text := range []string{
		"input: [32, 32, 3]\nnodes: [{name: a, conv: {out: classes, kernel: [3, w], pad: same, bias: true}, from: input}, relu, {concat: , from: [a, relu1]}]",
		"nodes: [{repeat: {times: 2, as: i, with: {w: [1, two]}, nodes: [{name: 'b{i}', max_pool: {kernel: 2, stride: kernel, pad: [0, 1, 0, 1], ceil_mode: true}}]}}]",
	} {
		if !is(text) {
			t.Errorf("refused: %s", text)
		}
	}
	for _, text := range []string{
		"nodes: []", "nodes: [conv]", "nodes: [rely]", "nodes: [{relu: , relu6: }]", "nodes: [{name: a}]", "nodes: [{conv: {out: 3}}]", "nodes: [{conv: {out: 0, kernel: 1}}]",
		"nodes: [{conv: {out: 1, kernel: [3]}}]", "nodes: [{conv: {out: 1, kernel: 1, padding: 1}}]", "nodes: [relu]\nextends: a", "input: [1, 2]\nnodes: [relu]", "input: [1, 2, 3]",
		"nodes: [{repeat: {times: 2}}]", "nodes: [{repeat: {times: 0, nodes: [relu]}}]", "nodes: [{dropout: {rate: half}}]", "nodes: [{average_pool: {kernel: 1, count_include_pad: 1}}]",
	} {
		if is(text) {
			t.Errorf("taken: %s", text)
		}
	}
	for _, op := range networks.Ops() {
		for _, a := range operations[op.Kind()].attributes {
			if len(a.schema) == 0 {
				t.Errorf("%s.%s has no schema", op.Kind(), a.key)
			}
			if a.def != "" && !valid(t, defs, asJSON(t, a.schema).(map[string]any), a.jsonDefault()) {
				t.Errorf("%s.%s: the default %v is not what the schema describes", op.Kind(), a.key, a.jsonDefault())
			}
		}
	}
}
