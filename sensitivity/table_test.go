package sensitivity_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/qat-go/qat/sensitivity"
)

// What is wrong with a table is said, all of it; what is right has its rows by name.
func TestTable(t *testing.T) {
	good := sensitivity.Table{Method: "sqnr", Layers: []sensitivity.Layer{
		{Name: "conv1"},
		{Name: "linear", Weights: []sensitivity.Loss{{Bits: 2, Value: 1}, {Bits: 4, Value: -0.1, StdErr: 0.2}}},
	}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	if l, ok := good.Layer("linear"); !ok || len(l.Weights) != 2 {
		t.Errorf("linear is %v, %v", l, ok)
	}
	if _, ok := good.Layer("conv2"); ok {
		t.Error("there is no conv2")
	}
	for want, layers := range map[string][]sensitivity.Layer{
		`layer "a" is there twice`:             {{Name: "a"}, {Name: "a"}},
		`layer "" is there twice or has no`:    {{}},
		"weights of a: 4 bits after 4":         {{Name: "a", Weights: []sensitivity.Loss{{Bits: 4}, {Bits: 4}}}},
		"activations of a: 0 bits after 0":     {{Name: "a", Activations: []sensitivity.Loss{{Bits: 0}}}},
		"the loss at 2 bits is NaN":            {{Name: "a", Activations: []sensitivity.Loss{{Bits: 2, Value: math.NaN()}}}},
		"the loss at 3 bits is -Inf":           {{Name: "a", Weights: []sensitivity.Loss{{Bits: 3, Value: math.Inf(-1)}}}},
		"is 0 with an error of -1; wanted fin": {{Name: "a", Weights: []sensitivity.Loss{{Bits: 3, StdErr: -1}}}},
	} {
		bad := sensitivity.Table{Method: "sqnr", Layers: layers}
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", layers, err, want)
		}
	}
	for _, method := range []string{"", "a\nquant: {}"} { // it stands in a comment of a config
		if err := (&sensitivity.Table{Method: method}).Validate(); err == nil || !strings.Contains(err.Error(), "want the name of how losses were measured") {
			t.Errorf("method %q: %v", method, err)
		}
	}
}

// A report is read as it was written; what is none is told.
func TestParseReport(t *testing.T) {
	losses := func(values ...float64) (all []sensitivity.Loss) {
		for i, v := range values {
			all = append(all, sensitivity.Loss{Bits: 2 + i, Value: v, StdErr: 0.5})
		}
		return all
	}
	r := &sensitivity.Report{Widths: []int{2, 3}, Tables: []sensitivity.Table{{Method: "perturb", Layers: []sensitivity.Layer{{Name: "a", Weights: losses(1, -2), Activations: losses(0, 3)}}}, {Method: "sqnr"}}}
	js, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := sensitivity.ParseReport(js); err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("%+v, %v; want %+v", again, err, r)
	}
	for text, want := range map[string]string{
		``:                             "unexpected end of JSON input",
		`{}`:                           "there are no tables of losses, or no widths",
		`{"widths": [2]}`:              "there are no tables of losses, or no widths",
		`{"tables": [{}]}`:             "there are no tables of losses, or no widths",
		`{"widths": [2], "tables": 7}`: "cannot unmarshal number",
		`{"widths": [2], "tables": [{"method": "sqnr"}, {"method": "sqnr"}]}`:                                                             "there are two tables of sqnr",
		`{"widths": [2], "tables": [{"method": "sqnr", "layers": [{"name": "a", "weights": [{"bits": 2}]}]}]}`:                            "sqnr: weights of a: the loss at 2 bits is NaN",
		`{"widths": [2], "tables": [{"method": "sqnr", "layers": [{"name": "a", "weights": [{"bits": 2, "value": null}]}]}]}`:             "is NaN",
		`{"widths": [2], "tables": [{"method": "sqnr", "layers": [{"name": "a", "weights": [{"bits": 2, "value": 1, "std_err": -1}]}]}]}`: "wanted finite numbers",
		`{"widths": [2], "tables": [{"method": "sqnr", "layers": [{"name": "a", "weights": [{"bits": 2, "value": 1e999}]}]}]}`:            "cannot unmarshal number",
	} {
		if _, err := sensitivity.ParseReport([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
