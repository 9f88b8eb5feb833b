package main

import (
	"strings"
	"testing"

	"github.com/qat-go/qat/sensitivity"
)

// The error beside a layer is the largest of its widths in the unit of the table: in dB that of a small loss may be larger than that
// of a large one. A layer without an error has 0 beside those that have one, and a table without any has no column of them.
func TestPrintedErrors(t *testing.T) {
	table := func(method string, layers ...[]sensitivity.Loss) sensitivity.Table {
		x := sensitivity.Table{Method: method}
		for i, l := range layers {
			x.Layers = append(x.Layers, sensitivity.Layer{Name: string(rune('a' + i)), Weights: l})
		}
		return x
	}
	noise := []sensitivity.Loss{{Bits: 2, Value: 0.1, StdErr: 0.001}, {Bits: 8, Value: 1e-5, StdErr: 2e-6}}
	none := []sensitivity.Loss{{Bits: 2}, {Bits: 8}}
	for _, tt := range []struct {
		table sensitivity.Table
		want  string
	}{
		{table("sqnr", noise, none), "LAYER 2 8 ± UP TO|a 10.0 50.0 0.8|b +Inf +Inf 0.0"},
		{table("sqnr", none, noise), "LAYER 2 8 ± UP TO|a +Inf +Inf 0.0|b 10.0 50.0 0.8"},
		{table("hessian", []sensitivity.Loss{{Bits: 2, Value: -0.5, StdErr: 0.1}, {Bits: 8, Value: -0.05, StdErr: 0.01}}, none), "LAYER 2 8 ± UP TO|a -0.5 -0.05 20 %|b 0 0 0 %"},
		{table("accuracy", []sensitivity.Loss{{Bits: 2, Value: 0.5, StdErr: 0.01}, {Bits: 8, Value: 0.01, StdErr: 0.02}}), "LAYER 2 8 ± UP TO|a 50.00 1.00 2.00"},
		{table("perturb", none), "LAYER 2 8|a 0 0"},
		{table("scales", []sensitivity.Loss{{Bits: 2, Value: 0.5}, {Bits: 8, Value: 0.25}}), "LAYER 2 8|a 0.5 0.25"},
	} {
		var b strings.Builder
		if err := printLosses(&b, tt.table, "weights", func(l sensitivity.Layer) []sensitivity.Loss { return l.Weights }); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n")[1:] {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
		if text := strings.Join(got, "|"); text != tt.want {
			t.Errorf("%s: %s; want %s", tt.table.Method, text, tt.want)
		}
	}
}
