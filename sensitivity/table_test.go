package sensitivity_test

import (
	"math"
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
}
