package configs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qat-go/qat/estimators"
)

const methodsPath = "../docs/methods.md"

// TestMethodsDoc keeps the tables between <!-- NAME --> and <!-- /NAME --> in docs/methods.md; the rest is written by
// hand, and what is measured comes from runs.
func TestMethodsDoc(t *testing.T) {
	text, err := os.ReadFile(methodsPath)
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.ReplaceAll(string(text), "\r\n", "\n")
	for name, table := range map[string]string{
		"presets": presetsDoc(), "estimators": estimatorsDoc(), "stes": stesDoc(), "calibrations": calibrationsDoc(), "regularizers": regularizersDoc(),
	} {
		head, rest, found := strings.Cut(doc, "<!-- "+name+" -->\n")
		_, tail, closed := strings.Cut(rest, "<!-- /"+name+" -->\n")
		if !found || !closed {
			t.Fatalf("%s has no markers of %s", methodsPath, name)
		}
		doc = head + "<!-- " + name + " -->\n\n" + table + "\n<!-- /" + name + " -->\n" + tail
	}
	golden(t, methodsPath, doc)
}

// Every example in the document, an indented config, loads.
func TestMethodsDocExamples(t *testing.T) {
	text, err := os.ReadFile(methodsPath)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, block := range strings.Split(string(text), "\n\n") {
		if !strings.HasPrefix(block, "    extends:") {
			continue
		}
		n++
		mustLoad(t, write(t, strings.ReplaceAll(block, "\n    ", "\n")[4:]+"\n"))
	}
	if n < 3 {
		t.Errorf("%d examples, wanted 3 or more", n)
	}
}

func estimatorsDoc() string {
	var b strings.Builder
	b.WriteString("| estimator | of | bits | levels | STEs | options | what it does | source |\n|---|---|---|---|---|---|---|---|\n")
	for _, m := range estimators.Methods() {
		stes := "own"
		if len(m.STEs) > 0 {
			stes = "`" + strings.Join(m.STEs, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n",
			m.Name, tensorsOf(m), bitsOf(m), levelsOf(m), stes, optionsDoc(m.Options), cell(m.Doc), sourceDoc(m.Source))
	}
	return b.String()
}

func tensorsOf(m estimators.Method) string {
	switch {
	case !m.Activations:
		return "weights"
	case !m.Weights:
		return "activations"
	}
	return "both"
}

// levelsOf says whether the method's outputs are integers times a scale, as it is and with zero_point.
func levelsOf(m estimators.Method) string {
	var kinds []string
	for _, weights := range []bool{true, false} {
		if weights && !m.Weights || !weights && !m.Activations {
			continue
		}
		kind := levelKind(m, weights, nil)
		if hasOption(m.Options, "zero_point") && kind != "integers" {
			on := []Setting{{"zero_point", estimators.Schedule{Kind: estimators.Constant, From: 1, To: 1}}}
			if other := levelKind(m, weights, on); other != kind {
				kind += ", " + other + " with `zero_point: 1`"
			}
		}
		kinds = append(kinds, kind)
	}
	if kinds = slices.Compact(kinds); len(kinds) > 1 {
		return "weights " + kinds[0] + "; activations " + kinds[1]
	}
	return kinds[0]
}

func levelKind(m estimators.Method, weights bool, options []Setting) string {
	s := TensorSpec{Bits: Bits(min(m.MaxBits, 4)), Estimator: Estimator(m.Name), STE: STEAuto, Options: options}
	place := Place{Weights: weights, Signed: weights, Scales: 1}
	est, err := s.NewEstimator(place, 0)
	if err != nil {
		return err.Error()
	}
	is, err := s.Traits(place)
	if err != nil {
		return err.Error()
	}
	if _, ok := est.(estimators.Integer); ok && !(weights && is.Zero == estimators.ZeroLearned) { // whose codes have no zero point
		return "integers"
	}
	if _, ok := est.(estimators.Codebook); ok {
		return "table"
	}
	return "floats"
}

func stesDoc() string {
	return kindsDoc("STE", estimators.STEs(), func(k estimators.STEKind) (string, []estimators.Option, string, string) {
		return k.Name, k.Options, k.Doc, k.Source
	})
}

func calibrationsDoc() string {
	return kindsDoc("calibration", estimators.Calibrations(), func(c estimators.Calibration) (string, []estimators.Option, string, string) {
		return c.Name, c.Options, c.Doc, c.Source
	})
}

func regularizersDoc() string {
	return kindsDoc("regularizer", estimators.Regularizers(), func(r estimators.RegularizerKind) (string, []estimators.Option, string, string) {
		return r.Name, r.Options, r.Doc, r.Source
	})
}

func kindsDoc[T any](title string, kinds []T, of func(T) (name string, options []estimators.Option, doc, source string)) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | options | what it does | source |\n|---|---|---|---|\n", title)
	for _, k := range kinds {
		name, options, doc, source := of(k)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, optionsDoc(options), cell(doc), sourceDoc(source))
	}
	return b.String()
}

func presetsDoc() string {
	var b strings.Builder
	b.WriteString("| preset | of | what it gives besides defaults | source |\n|---|---|---|---|\n")
	for _, p := range slices.SortedFunc(slices.Values(presets), func(a, b preset) int { return strings.Compare(a.name, b.name) }) {
		of, gives := "both", []string(nil)
		switch {
		case p.activations == nil:
			of = "weights"
		case p.weights == nil:
			of = "activations"
		}
		for _, f := range activationTable() {
			w, ofWeights := p.weights[f.key]
			a, ofActivations := p.activations[f.key]
			switch {
			case w == a && ofWeights:
				gives = append(gives, "`"+f.key+": "+w+"`")
			default:
				if ofWeights {
					gives = append(gives, "weights `"+f.key+": "+w+"`")
				}
				if ofActivations {
					gives = append(gives, "activations `"+f.key+": "+a+"`")
				}
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", p.name, of, cell(strings.Join(gives, ", ")), sourceDoc(p.source))
	}
	return b.String()
}

// optionsDoc is "`name` default, from min to max: what it is".
func optionsDoc(options []estimators.Option) string {
	var all []string
	for _, o := range options {
		all = append(all, fmt.Sprintf("`%s` %s, from %s to %s: %s", o.Name, formatFloat(o.Default), formatFloat(o.Min), optionMax(o.Max), cell(o.Doc)))
	}
	return strings.Join(all, "<br>")
}

func optionMax(v float64) string {
	if v > 1e30 {
		return "any"
	}
	return formatFloat(v)
}

// sourceDoc links the arXiv numbers.
func sourceDoc(source string) string {
	words := strings.Fields(cell(source))
	for i := 1; i < len(words); i++ {
		if number := strings.TrimRight(words[i], ",;"); words[i-1] == "arXiv" {
			words[i] = "[" + number + "](https://arxiv.org/abs/" + number + ")" + words[i][len(number):]
		}
	}
	return strings.Join(words, " ")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
