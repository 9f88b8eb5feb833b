// Package sensitivity says what few bits cost each layer of a network, and chooses the bits of all layers for a budget.
package sensitivity

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"
)

// Table is what each layer of a network loses at each bit width, by one way to measure it. Losses of layers add up: that is
// what an allocation of bits makes least.
type Table struct {
	Method string  `json:"method"` // such as "hessian"
	Layers []Layer `json:"layers"` // in order of execution
}

// Layer is what a layer with weights loses.
type Layer struct {
	Name string `json:"name"` // of its node
	// Weights are those at which its weights were tried, by growing bits, and Activations those of what it reads; none where
	// nothing was measured.
	Weights     []Loss `json:"weights,omitempty"`
	Activations []Loss `json:"activations,omitempty"`
}

// Loss is what a tensor of a layer loses at a bit width, all else in floating point. It is finite and may be negative: a
// measured loss has an error.
type Loss struct {
	Bits   int     `json:"bits"`
	Value  float64 `json:"value"`
	StdErr float64 `json:"std_err,omitempty"` // of Value; 0 is exact
}

// UnmarshalJSON reads a loss; one without a value is not 0 but NaN, which [Table.Validate] reports.
func (l *Loss) UnmarshalJSON(js []byte) error {
	if l == nil {
		return errors.New("there is no loss to read into")
	}
	type loss Loss
	x := loss{Value: math.NaN()}
	err := json.Unmarshal(js, &x)
	*l = Loss(x)
	return err
}

// Layer is the row of a layer; false if the table has none.
func (t *Table) Layer(name string) (Layer, bool) {
	if t == nil {
		return Layer{}, false
	}
	for _, l := range t.Layers {
		if l.Name == name {
			return l, true
		}
	}
	return Layer{}, false
}

// Validate returns what is wrong with a table: names that are empty or stand twice, widths that do not grow, numbers that are
// not finite.
func (t *Table) Validate() error {
	if t == nil {
		return errors.New("there is no table; want one of Measure")
	}
	var errs []error
	if t.Method == "" || strings.ContainsFunc(t.Method, func(r rune) bool { return !unicode.IsPrint(r) }) {
		errs = append(errs, fmt.Errorf("method %q; want the name of how losses were measured", t.Method))
	}
	seen := map[string]bool{}
	for _, l := range t.Layers {
		if l.Name == "" || seen[l.Name] {
			errs = append(errs, fmt.Errorf("%s: layer %q is there twice or has no name", t.Method, l.Name))
		}
		seen[l.Name] = true
		for _, of := range []struct {
			what   string
			losses []Loss
		}{{"weights", l.Weights}, {"activations", l.Activations}} {
			before := 0
			for _, x := range of.losses {
				if x.Bits <= before {
					errs = append(errs, fmt.Errorf("%s: %s of %s: %d bits after %d; wanted growing bits from 1 on", t.Method, of.what, l.Name, x.Bits, before))
				}
				before = x.Bits
				if math.IsNaN(x.Value) || math.IsInf(x.Value, 0) || math.IsNaN(x.StdErr) || math.IsInf(x.StdErr, 0) || x.StdErr < 0 {
					errs = append(errs, fmt.Errorf("%s: %s of %s: the loss at %d bits is %g with an error of %g; wanted finite numbers", t.Method, of.what, l.Name, x.Bits, x.Value, x.StdErr))
				}
			}
		}
	}
	return errors.Join(errs...)
}
