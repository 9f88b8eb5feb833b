package configs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/syntax"
)

// added is layers that stages add to what is quantized, one after the other.
type added struct {
	globs []Glob
	table string // that they are of, all layers of it; "" of a list
	part  int    // of the stages that one stands for
	all   bool   // the last of them
}

// additions is added: a list, or what a table of sensitivities says.
type additions struct{}

func (additions) parse(n *syntax.Node) (any, error) {
	if n.Kind == syntax.Map {
		return additionsOf(n)
	}
	v, err := list[Glob]{globKind{}}.parse(n)
	if err != nil {
		return nil, err
	}
	if len(v.([]Glob)) == 0 {
		return nil, errKind
	}
	return added{globs: v.([]Glob)}, nil
}

// format is of no use: each stage of a resolved config has only.
func (additions) format(v any) string { return list[Glob]{globKind{}}.format(v.(added).globs) }
func (additions) describe() string {
	return "a list of globs [linear, layer1.*, ...], or {table: sensitivity.json, method: perturb, parts: 4}"
}
func (additions) schema() map[string]any {
	return map[string]any{"anyOf": []any{list[Glob]{globKind{}}.schema(), map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"table"},
		"properties": map[string]any{"table": map[string]any{"type": "string"}, "method": map[string]any{"type": "string"}, "parts": map[string]any{"type": "integer", "minimum": 1}},
	}}}
}

// additionsOf reads {table: FILE, method: NAME, parts: N}.
func additionsOf(n *syntax.Node) (any, error) {
	file, method, parts := "", "", 0
	for _, e := range n.Entries {
		switch {
		case e.Key == "table" && e.Value.Kind == syntax.String:
			file = e.Value.Text
		case e.Key == "method" && e.Value.Kind == syntax.String:
			method = e.Value.Text
		case e.Key == "parts":
			v, err := integer{1, maxStages}.parse(e.Value)
			if err != nil {
				return nil, fmt.Errorf("parts: %s", wanted(integer{1, maxStages}, e.Value, err))
			}
			parts = v.(int)
		default:
			return nil, errKind
		}
	}
	if file == "" {
		return nil, errKind
	}
	names, err := bySensitivity(file, method)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", syntax.Shorten(file), cause(err))
	}
	if parts = cmp.Or(parts, len(names)); parts > len(names) {
		return nil, fmt.Errorf("parts: %d of the %d layers in %s; wanted at most as many", parts, len(names), syntax.Shorten(file))
	}
	all := added{table: file}
	for i := range parts {
		all.globs = append(all.globs, Glob{strings.Join(names[i*len(names)/parts:(i+1)*len(names)/parts], "|")})
	}
	return all, nil
}

// bySensitivity lists the layers of a table that qat sensitivity wrote, as JSON, from the one that loses the least: weights and
// what they are multiplied with together, at the fewest bits that were measured, by a method, or in the first table.
func bySensitivity(file, method string) ([]string, error) {
	text, err := regular.Read(file, maxSize)
	if err != nil {
		return nil, err
	}
	type loss struct {
		Bits  int
		Value *float64
	}
	type table struct {
		Method string
		Layers []struct {
			Name                 string
			Weights, Activations []loss
		}
	}
	var report struct{ Tables []table }
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	if len(report.Tables) == 0 {
		return nil, errors.New("it has no tables; wanted what qat sensitivity --json prints")
	}
	var methods []string
	for _, t := range report.Tables {
		methods = append(methods, t.Method)
	}
	i := slices.Index(methods, cmp.Or(method, methods[0]))
	if i < 0 {
		return nil, fmt.Errorf("it has no losses by %q; wanted one of %s", syntax.Shorten(method), strings.Join(methods, ", "))
	}
	loses, names := map[string]float64{}, []string{}
	for _, l := range report.Tables[i].Layers {
		if _, err := ParseGlob(l.Name); err != nil {
			return nil, err
		}
		if slices.Contains(names, l.Name) {
			return nil, fmt.Errorf("layer %s is there twice", l.Name)
		}
		for _, of := range [][]loss{l.Weights, l.Activations} {
			if len(of) == 0 {
				continue
			}
			least := slices.MinFunc(of, func(a, b loss) int { return cmp.Compare(a.Bits, b.Bits) })
			if least.Value == nil {
				return nil, fmt.Errorf("a loss of layer %s has no value", l.Name)
			}
			loses[l.Name] += *least.Value
		}
		names = append(names, l.Name)
	}
	if len(names) == 0 {
		return nil, errors.New("it has no layers; wanted what qat sensitivity --json prints")
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(loses[a], loses[b]) })
	return names, nil
}

// split is the stages that a stage stands for: those that add layers, or itself.
func (s Stage) split() []Stage {
	if len(s.add.globs) == 0 {
		return []Stage{s}
	}
	var all []Stage
	for i := range s.add.globs {
		next := s
		var globs []string
		for _, g := range s.add.globs[:i+1] {
			globs = append(globs, g.text)
		}
		next.add = added{table: s.add.table, part: i, all: i == len(s.add.globs)-1}
		next.Only = Glob{strings.Join(globs, "|")}
		all = append(all, next)
	}
	return all
}

// onlyMistakes finds names in only that nothing has. Of a table it says once that it is of another network.
func (s *Stage) onlyMistakes(names []string) (messages []string) {
	if s.Only.text == "" || s.Only.text == NoLayers || s.add.table != "" && !s.add.all {
		return nil
	}
	unmatched := s.Only.unmatched("layer", names, "; layers: "+strings.Join(names, ", ")+", or "+NoLayers)
	if s.add.table == "" {
		for _, msg := range unmatched {
			messages = append(messages, "only: "+msg)
		}
		return messages
	}
	table := "add: table " + syntax.Shorten(s.add.table)
	if lacks := slices.DeleteFunc(slices.Clone(names), s.Only.Match); len(lacks) > 0 {
		return []string{fmt.Sprintf("%s lacks %d of the %d layers, such as %s; is it of another network?", table, len(lacks), len(names), lacks[0])}
	}
	if len(unmatched) > 0 {
		return []string{fmt.Sprintf("%s: %s", table, unmatched[0])}
	}
	return nil
}
