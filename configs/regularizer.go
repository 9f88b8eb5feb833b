package configs

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/syntax"
)

// Regularizer is a penalty on quantized weights, or a projector that moves them after each update. Without options it
// is off.
type Regularizer struct {
	Name    string
	Options []Setting // every one that it has
}

// On tells that the regularizer does something.
func (r Regularizer) On() bool { return len(r.Options) > 0 }

// At returns the options at a progress of training from 0 to 1.
func (r Regularizer) At(progress float64) estimators.Options {
	o := estimators.Options{}
	for _, s := range r.Options {
		o[s.Name] = s.Value.At(progress)
	}
	return o
}

// Unfit says why the regularizer cannot look at weights of a method and so many bits, or "".
func (r Regularizer) Unfit(method Estimator, b Bits) string {
	k, err := estimators.RegularizerNamed(r.Name)
	if err != nil {
		return err.Error()
	}
	if b == FP || k.MinBits == 0 {
		return ""
	}
	if m, err := estimators.MethodNamed(string(method)); err != nil || m.Nearest && int(b) >= k.MinBits {
		return "" // an unknown method is reported by its own key
	}
	wanted := estimatorsFor(func(m estimators.Method) bool { return m.Nearest && min(m.MaxBits, 8) >= k.MinBits })
	return fmt.Sprintf("it looks at the levels of weights, which must be evenly spaced and of %d bits or more; found estimator %s with %v bits; wanted one of %s",
		k.MinBits, method, b, strings.Join(stringsOf(wanted), ", "))
}

// regularizer is the place of one of them.
func (q *Quant) regularizer(name string) *Regularizer {
	if q.Regularizers == nil {
		for _, k := range estimators.Regularizers() {
			q.Regularizers = append(q.Regularizers, Regularizer{Name: k.Name})
		}
	}
	return &q.Regularizers[slices.IndexFunc(q.Regularizers, func(r Regularizer) bool { return r.Name == name })]
}

func regularizerFields() []field {
	var fields []field
	for _, k := range estimators.Regularizers() {
		doc := strings.ToUpper(k.Doc[:1]) + k.Doc[1:] + " (" + k.Source + ")."
		for _, o := range k.Options {
			if o.Name == lambda {
				continue
			}
			doc += fmt.Sprintf(" `%s`: %s, by default %s.", o.Name, o.Doc, formatFloat(o.Default))
		}
		fields = append(fields, field{key: k.Name, doc: doc, kind: regularizer{k}, def: Regularizer{Name: k.Name},
			at: func(c *Config) any { return c.Quant.regularizer(k.Name) }})
	}
	return fields
}

// lambda is the option that a number stands for.
const lambda = "lambda"

// regularizer is a Regularizer: 0, lambda, or a map of options.
type regularizer struct{ estimators.RegularizerKind }

func (k regularizer) parse(n *syntax.Node) (any, error) {
	r := Regularizer{Name: k.Name}
	if n.Kind != syntax.Map {
		s, err := parseSchedule(n)
		if err != nil || n.Kind == syntax.Bool {
			return nil, errKind
		}
		if s.From == 0 {
			return r, nil
		}
	}
	given, err := k.options(n)
	if err != nil {
		return nil, err
	}
	for _, o := range k.Options {
		i := slices.IndexFunc(given, func(s Setting) bool { return s.Name == o.Name })
		switch {
		case i >= 0:
			r.Options = append(r.Options, given[i])
		case o.Name == lambda:
			return nil, fmt.Errorf("lambda is missing; wanted %s", k.describe())
		default:
			r.Options = append(r.Options, Setting{o.Name, estimators.Schedule{Kind: estimators.Constant, From: o.Default, To: o.Default}})
		}
	}
	if l := r.Options[0]; l.Name == lambda && l.Value.Kind == estimators.Constant && l.Value.From == 0 {
		r.Options = nil
	}
	return r, nil
}

// options reads what is given: a map of options, or lambda alone.
func (k regularizer) options(n *syntax.Node) ([]Setting, error) {
	alone := n.Kind != syntax.Map || slices.ContainsFunc(n.Entries, func(e syntax.Entry) bool { return e.Key == "kind" })
	if alone {
		if !hasOption(k.Options, lambda) {
			return nil, errKind
		}
		n = &syntax.Node{Pos: n.Pos, Kind: syntax.Map, Entries: []syntax.Entry{{Key: lambda, Pos: n.Pos, Value: n}}}
	}
	v, err := settings{names: k.names()}.parse(n)
	if err != nil {
		return nil, err
	}
	errs := ErrorList{}
	for i, s := range v.([]Setting) {
		o := k.Options[slices.IndexFunc(k.Options, func(o estimators.Option) bool { return o.Name == s.Name })]
		for _, x := range append([]float64{s.Value.From, s.Value.To}, stepValues(s.Value)...) {
			if !(o.Min <= x && x <= o.Max) {
				errs.Report(n.Entries[i].Value.Pos, "%s: wanted %s, found %s", o.Name, interval(o), formatFloat(x))
				break
			}
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return v.([]Setting), nil
}

func stepValues(s estimators.Schedule) (values []float64) {
	for _, step := range s.Steps {
		values = append(values, step.Value)
	}
	return values
}

func interval(o estimators.Option) string {
	if o.Max == math.MaxFloat32 {
		return "a number from " + formatFloat(o.Min)
	}
	return fmt.Sprintf("a number from %s to %s", formatFloat(o.Min), formatFloat(o.Max))
}

func (k regularizer) names() (names []string) {
	for _, o := range k.Options {
		names = append(names, o.Name)
	}
	return names
}

func (k regularizer) format(v any) string {
	if r := v.(Regularizer); r.On() {
		return settings{}.format(r.Options)
	}
	return "0"
}

func (k regularizer) describe() string {
	options := "{" + strings.Join(k.names(), ": ..., ") + ": ...}"
	if !hasOption(k.Options, lambda) {
		return "0, or " + options + ", each a number or schedule"
	}
	return "0, lambda, or " + options + ", each a number or schedule"
}

func (k regularizer) schema() map[string]any {
	forms := []any{settings{names: k.names()}.schema(), map[string]any{"const": 0}}
	if hasOption(k.Options, lambda) {
		forms = append(forms[:1], scheduleSchema()...)
	}
	return map[string]any{"anyOf": forms}
}

// regularizerRules check each regularizer against the weights.
func regularizerRules() (rules []crossRule) {
	for _, k := range estimators.Regularizers() {
		path := "quant.regularizers." + k.Name
		rules = append(rules, crossRule{[]string{path, "quant.weights.bits", "quant.weights.estimator"}, func(c *Config) string {
			r := *c.Quant.regularizer(k.Name)
			if !r.On() {
				return ""
			}
			specs, quantized := []TensorSpec{c.Quant.Weights}, false
			for _, rule := range c.Quant.Layers {
				specs = append(specs, rule.Weights.Apply(c.Quant.Weights))
			}
			for _, s := range specs {
				if msg := r.Unfit(s.Estimator, s.Bits); msg != "" {
					return path + ": " + msg
				}
				quantized = quantized || s.Bits != FP
			}
			if !quantized {
				return path + " has no effect on weights that are fp; remove it or set quant.weights.bits"
			}
			return ""
		}})
	}
	return rules
}
