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

// additions are layers that stages add to what is quantized, one after the other, as []Glob: a list, or what a table of
// sensitivities says.
type additions struct{}

func (additions) parse(n *syntax.Node) (any, error) {
	if n.Kind == syntax.Map {
		return additionsOf(n)
	}
	v, err := list[Glob]{globKind{}}.parse(n)
	if err == nil && len(v.([]Glob)) == 0 {
		err = errKind
	}
	return v, err
}

// format is of no use: each stage of a resolved config has only.
func (additions) format(v any) string { return list[Glob]{globKind{}}.format(v) }
func (additions) describe() string {
	return "a list of globs [linear, layer1.*, ...], or {table: sensitivity.json, parts: 4}"
}
func (additions) schema() map[string]any {
	return map[string]any{"anyOf": []any{list[Glob]{globKind{}}.schema(), map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"table"},
		"properties": map[string]any{"table": map[string]any{"type": "string"}, "parts": map[string]any{"type": "integer", "minimum": 1}},
	}}}
}

// additionsOf reads {table: FILE, parts: N}.
func additionsOf(n *syntax.Node) (any, error) {
	file, parts := "", 0
	for _, e := range n.Entries {
		switch {
		case e.Key == "table" && e.Value.Kind == syntax.String:
			file = e.Value.Text
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
	names, err := bySensitivity(file)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", syntax.Shorten(file), cause(err))
	}
	if parts = cmp.Or(parts, len(names)); parts > len(names) {
		return nil, fmt.Errorf("parts: %d of the %d layers in %s; wanted at most as many", parts, len(names), syntax.Shorten(file))
	}
	var all []Glob
	for i := range parts {
		all = append(all, Glob{strings.Join(names[i*len(names)/parts:(i+1)*len(names)/parts], "|")})
	}
	return all, nil
}

// bySensitivity lists the layers of a table that qat sensitivity wrote, as JSON, from the one that loses the least: weights and
// what they are multiplied with together, at the fewest bits that were measured, in the first of several tables.
func bySensitivity(file string) ([]string, error) {
	text, err := regular.Read(file, maxSize)
	if err != nil {
		return nil, err
	}
	type loss struct {
		Bits  int
		Value float64
	}
	var report struct {
		Tables []struct {
			Layers []struct {
				Name                 string
				Weights, Activations []loss
			}
		}
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	if len(report.Tables) == 0 || len(report.Tables[0].Layers) == 0 {
		return nil, errors.New("it has no layers; wanted what qat sensitivity --json prints")
	}
	loses, names := map[string]float64{}, []string{}
	for _, l := range report.Tables[0].Layers {
		if _, err := ParseGlob(l.Name); err != nil {
			return nil, err
		}
		for _, of := range [][]loss{l.Weights, l.Activations} {
			if len(of) > 0 {
				loses[l.Name] += slices.MinFunc(of, func(a, b loss) int { return cmp.Compare(a.Bits, b.Bits) }).Value
			}
		}
		names = append(names, l.Name)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(loses[a], loses[b]) })
	return names, nil
}

// added is the stages that a stage stands for: those that add layers, or itself.
func (s Stage) added() []Stage {
	if len(s.add) == 0 {
		return []Stage{s}
	}
	var all []Stage
	for i := range s.add {
		next := s
		var globs []string
		for _, g := range s.add[:i+1] {
			globs = append(globs, g.text)
		}
		next.add, next.Only = nil, Glob{strings.Join(globs, "|")}
		all = append(all, next)
	}
	return all
}
