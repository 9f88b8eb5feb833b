package configs

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/syntax"
)

// Glob is a pattern over layer names: path.Match patterns separated by "|".
type Glob struct {
	text string
}

// maxGlob is more than naming each layer of a network takes.
const maxGlob = 1 << 12

// MaxPattern is how many characters the pattern of a rule may have as a key of YAML, quotes included. More than 1024 are none there.
const MaxPattern = 1000

// ParseGlob checks a pattern such as "layer3.*|linear".
func ParseGlob(s string) (Glob, error) {
	if len(s) > maxGlob {
		return Glob{}, fmt.Errorf("glob %q has %d bytes; wanted at most %d", syntax.Shorten(s), len(s), maxGlob)
	}
	if strings.ContainsAny(s, "\"\n\r") {
		return Glob{}, fmt.Errorf("glob %q: layer names have no quotes or line breaks", s)
	}
	for _, alt := range strings.Split(s, "|") {
		if alt == "" {
			return Glob{}, fmt.Errorf("glob %q has an empty alternative", s)
		}
		if _, err := path.Match(alt, ""); errors.Is(err, path.ErrBadPattern) {
			return Glob{}, fmt.Errorf("glob %q: %q is malformed; wanted *, ?, [set] and layer names, separated by |", s, alt)
		}
	}
	return Glob{s}, nil
}

func (g Glob) String() string { return g.text }

func (g Glob) alternatives() []string { return strings.Split(g.text, "|") }

// Match says whether one of the alternatives matches the whole name.
func (g Glob) Match(name string) bool { return g.specificity(name) >= 0 }

// specificity is how closely g names a layer: -1 where it does not match, the
// number of literal characters of its best alternative, more for a name
// without wildcards.
func (g Glob) specificity(name string) int {
	const exact = 1 << 20
	best := -1
	for _, alt := range g.alternatives() {
		if ok, err := path.Match(alt, name); err != nil || !ok {
			continue
		}
		s := exact
		if strings.ContainsAny(alt, `*?[\`) {
			s = literals(alt)
		}
		best = max(best, s)
	}
	return best
}

// literals counts the characters of a pattern that stand for themselves.
func literals(pattern string) int {
	n, inSet := 0, false
	for _, r := range pattern {
		switch {
		case r == '[':
			inSet = true
		case r == ']':
			inSet = false
		case !inSet && r != '*' && r != '?' && r != '\\':
			n++
		}
	}
	return n
}

// Rule changes how the layers that match Pattern are quantized.
type Rule struct {
	Pattern              Glob
	Pos                  Pos
	Weights, Activations Override
}

// Override is the part of a TensorSpec that a rule sets.
type Override struct {
	Keys   []string   // such as "bits"; the others keep their value
	Values TensorSpec // only Keys are meaningful
}

// Apply returns s with the override's keys replaced.
func (o Override) Apply(s TensorSpec) TensorSpec {
	for _, f := range activationTable() {
		if slices.Contains(o.Keys, f.key) {
			assign(f.tensor(&s), valueAt(f.tensor(&o.Values)))
		}
	}
	return s
}

func newOverride(doc *document, c *Config, path string) Override {
	var o Override
	for _, f := range activationTable() {
		p := subPath(path, f.key)
		if s, given := doc.values[p]; given && !s.bad {
			o.Keys = append(o.Keys, f.key)
			assign(f.tensor(&o.Values), s.value)
			c.origins[p] = s.pos
		}
	}
	return o
}

// Resolve returns how one layer's weights and input are quantized. first and
// last mark the first convolution and the last linear layer, which take
// FirstLast bits where the network is quantized. Then come the rules that
// match, the most specific one last: an exact name beats a glob, then more
// literal characters win, then the later rule.
func (q *Quant) Resolve(layerName string, first, last bool) (weights, activations TensorSpec) {
	weights, activations = q.Weights, q.Activations
	if (first || last) && q.FirstLast != Same {
		for _, s := range []*TensorSpec{&weights, &activations} {
			if s.Bits != FP {
				*s = s.withBits(q.FirstLast)
			}
		}
	}
	for _, r := range q.matching(layerName) {
		weights, activations = r.Weights.Apply(weights), r.Activations.Apply(activations)
	}
	if q.only != (Glob{}) && !q.only.Match(layerName) {
		weights.Bits, activations.Bits = FP, FP
	}
	return weights, activations
}

// BitsFrom names the keys that say how many bits [Quant.Resolve] gives a layer's weights and input.
func (q *Quant) BitsFrom(layerName string, first, last bool) (weights, activations string) {
	from := func(what string, spec TensorSpec, of func(Rule) Override) string {
		key := "quant." + what + ".bits"
		if (first || last) && q.FirstLast != Same && spec.Bits != FP {
			key = "quant.first_last"
		}
		if q.only != (Glob{}) && !q.only.Match(layerName) {
			return schedulePath
		}
		for _, r := range q.matching(layerName) {
			if slices.Contains(of(r).Keys, "bits") {
				key = fmt.Sprintf("%s.%s.bits", rulePath(r.Pattern.String()), what)
			}
		}
		return key
	}
	return from("weights", q.Weights, func(r Rule) Override { return r.Weights }), from("activations", q.Activations, func(r Rule) Override { return r.Activations })
}

// withBits returns s with other bits; LSQ where the estimator has not so many, or learns how many it has.
func (s TensorSpec) withBits(b Bits) TensorSpec {
	s.Bits = b
	if m, err := estimators.MethodNamed(string(s.Estimator)); b != FP && err == nil && (int(b) < m.MinBits || int(b) > m.MaxBits || m.LearnsBits) {
		s.Estimator, s.STE, s.Options = LSQ, STEAuto, nil
	}
	return s
}

// AtBits returns the section with the weights and the inputs of the layers in so many bits and all else in floating point, for
// measuring what they lose: by the method that the config gives each layer, or LSQ where it has not so many. Where the config
// leaves the first levels to a method that can start from any, they are those of the least squared error.
func (q *Quant) AtBits(b Bits, layers []string) (*Quant, error) {
	at := &Quant{FirstLast: Same, Residual: FP}
	all := Override{}
	for _, f := range activationTable() {
		all.Keys = append(all.Keys, f.key)
	}
	for _, name := range layers {
		r := Rule{Pattern: Glob{name}, Weights: all, Activations: all}
		w, a := q.Resolve(name, false, false)
		r.Weights.Values, r.Activations.Values = w.measured(b, true), a.measured(b, false)
		for _, s := range []struct {
			what    string
			spec    TensorSpec
			weights bool
		}{{"weights", r.Weights.Values, true}, {"activations", r.Activations.Values, false}} {
			for _, rule := range tensorRules {
				if msg := rule.check(s.spec, s.weights); msg != "" {
					return nil, fmt.Errorf("%s of %s: %s", s.what, name, msg)
				}
			}
		}
		at.Layers = append(at.Layers, r)
	}
	return at, nil
}

// measured is the spec with other bits and levels of the least squared error, if it leaves them open.
func (s TensorSpec) measured(b Bits, weights bool) TensorSpec {
	s = s.withBits(b)
	auto := s.Calibration
	if s.Calibration = "mse"; auto != CalibrateAuto || calibrationFits(s, weights) != "" {
		s.Calibration = auto
	}
	return s
}

// matching returns the rules for a layer, in the order to apply them.
func (q *Quant) matching(layerName string) []Rule {
	var rules []Rule
	for _, r := range q.Layers {
		if r.Pattern.Match(layerName) {
			rules = append(rules, r)
		}
	}
	slices.SortStableFunc(rules, func(a, b Rule) int {
		return cmp.Compare(a.Pattern.specificity(layerName), b.Pattern.specificity(layerName))
	})
	return rules
}

// unmatched returns an error for each alternative of a rule that matches none of the layers, with the names it may have
// meant.
func (q *Quant) unmatched(layerNames []string) (errs ErrorList) {
	for _, r := range q.Layers {
		for _, msg := range r.Pattern.unmatched("layer", layerNames, "; layers: "+strings.Join(layerNames, ", ")) {
			errs.Report(r.Pos, "%s: %s", layersPath, msg)
		}
	}
	return errs
}

// unmatched says which alternatives match none of the names, which are of layers or nodes, and what they may have meant, or
// else hint.
func (g Glob) unmatched(what string, names []string, hint string) (messages []string) {
	for _, alt := range g.alternatives() {
		if slices.ContainsFunc(names, Glob{alt}.Match) {
			continue
		}
		messages = append(messages, fmt.Sprintf("%q matches no %s%s", syntax.Shorten(alt), what, cmp.Or(syntax.Suggest(alt, names), hint)))
	}
	return messages
}
