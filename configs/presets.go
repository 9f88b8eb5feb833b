package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// preset is an estimator as one source, a paper or a program, uses it. A config names it in place of the estimator, such
// as lsq@mqbench. It then counts as if all keys of the tensor but its bits stood beside the name: keys that do stand
// there win, as do later files and arguments.
type preset struct {
	name, source         string
	weights, activations keys // what differs from the defaults; nil: not for such a tensor
	recipe               keys // by whole key paths, what the source has elsewhere: compared with the config, never set
	notes                []string
}

// keys are values as YAML writes them.
type keys map[string]string

// estimatorKind is an Estimator, or the name of a preset until expand replaces it.
type estimatorKind struct {
	enum[Estimator]
	presets []Estimator
}

func (k estimatorKind) parse(n *syntax.Node) (any, error) {
	name := Estimator(n.Text)
	if n.Kind != syntax.String || !strings.Contains(n.Text, "@") {
		return k.enum.parse(n)
	}
	if slices.Contains(k.presets, name) {
		return name, nil
	}
	available := strings.Join(stringsOf(k.presets), ", ")
	if _, elsewhere := presetNamed(n.Text); elsewhere {
		return nil, fmt.Errorf("preset %q is not for such a tensor; available: %s", n.Text, available)
	}
	return nil, fmt.Errorf("unknown preset %q%s; available: %s", syntax.Shorten(n.Text), syntax.Suggest(n.Text, stringsOf(k.presets)), available)
}

func (k estimatorKind) describe() string {
	return k.enum.describe() + "; or a preset such as lsq@paper"
}

func (k estimatorKind) schema() map[string]any {
	values := k.enum.schema()["enum"].([]any)
	for _, p := range k.presets {
		values = append(values, p)
	}
	return map[string]any{"enum": values}
}

// presetsFor lists the presets that of has keys for, by name.
func presetsFor(of func(preset) keys) (names []Estimator) {
	for _, p := range presets {
		if of(p) != nil {
			names = append(names, Estimator(p.name))
		}
	}
	slices.Sort(names)
	return names
}

func presetNamed(name string) (preset, bool) {
	i := slices.IndexFunc(presets, func(p preset) bool { return p.name == name })
	if i < 0 {
		return preset{}, false
	}
	return presets[i], true
}

// estimator is the method that the preset is of.
func (p preset) estimator() Estimator {
	method, _, _ := strings.Cut(p.name, "@")
	return Estimator(method)
}

// of returns the keys for the tensor at a path.
func (p preset) of(path string) (given keys, fields []field) {
	if strings.HasSuffix(path, ".weights") {
		return p.weights, weightTable()
	}
	return p.activations, activationTable()
}

// fixes says whether presets give a key of a tensor; the others are of the experiment.
func fixes(key string) bool {
	return key != "bits" && key != "estimator" && key != "calibration_batches"
}

// value is what the preset gives for a key: its own value, or the default.
func (f field) value(given keys) (any, error) {
	text, own := given[f.key]
	if !own {
		return f.def, nil
	}
	return parseValue(f.kind, text)
}

// parseValue reads a value as YAML writes it.
func parseValue(k kind, text string) (any, error) {
	var errs ErrorList
	n := syntax.Parse([]byte(text), func(int, int) Pos { return Pos{} }, &errs)
	if len(errs) > 0 {
		return nil, errs
	}
	v, err := k.parse(n)
	if err == errKind {
		err = fmt.Errorf("wanted %s, found %s", k.describe(), n.Describe())
	}
	return v, err
}

// expand replaces the presets of one source by their estimators and puts their keys beside them, where the source does
// not give them itself.
func (l *loader) expand(doc *document) {
	for path, s := range doc.values {
		name, ok := s.value.(Estimator)
		if !ok || s.bad {
			continue
		}
		p, found := presetNamed(string(name))
		if !found {
			continue
		}
		s.value, s.preset = p.estimator(), p.name
		doc.values[path] = s
		tensor := strings.TrimSuffix(path, ".estimator")
		given, fields := p.of(tensor)
		for _, f := range fields {
			key := subPath(tensor, f.key)
			if _, explicit := doc.values[key]; explicit || !fixes(f.key) {
				continue
			}
			v, err := f.value(given)
			if err != nil {
				panic(fmt.Sprintf("preset %s: %s: %v", p.name, f.key, err)) // a test reads every preset
			}
			pos := s.pos
			pos.Preset = p.name
			doc.values[key] = setting{value: v, pos: pos}
		}
	}
}

// forget drops what a later source replaces under another key: a network, a key that may stand in place of another, and what
// a preset gave to a tensor whose estimator is named anew.
func (d *document) forget(later *document) {
	d.forgetNetwork(later)
	walk(table(), "", func(path string, f field) {
		if _, given := later.values[path]; given && f.other != "" {
			delete(d.values, f.other)
		}
	})
	for path := range later.values {
		tensor, isEstimator := strings.CutSuffix(path, ".estimator")
		if !isEstimator {
			continue
		}
		for _, f := range activationTable() {
			if key := subPath(tensor, f.key); d.values[key].pos.Preset != "" {
				delete(d.values, key)
			}
		}
	}
}
