package configs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/estimators"
	"github.com/qat-go/qat/syntax"
)

// Setting is a number under a name. It may change over training: progress 0 is the start, 1 the end.
type Setting struct {
	Name  string
	Value estimators.Schedule
}

// settings is a map of names to numbers or schedules, as []Setting. names are those allowed, for hints; which of them a
// method has is checked with the method. Constant ones have no schedules.
type settings struct {
	names    []string
	constant bool
}

func (k settings) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.Map {
		return nil, errKind
	}
	all, errs := []Setting{}, ErrorList{}
	for _, e := range n.Entries {
		if !slices.Contains(k.names, e.Key) {
			errs.Report(e.Pos, "unknown name %q%s; allowed: %s", syntax.Shorten(e.Key), syntax.Suggest(e.Key, k.names), strings.Join(k.names, ", "))
			continue
		}
		v, err := parseSchedule(e.Value)
		if k.constant && e.Value.Kind != syntax.Int && e.Value.Kind != syntax.Float {
			err = fmt.Errorf("wanted a number, found %s", e.Value.Describe())
		}
		if err != nil {
			errs.Report(e.Value.Pos, "%s: %v", e.Key, err)
			continue
		}
		all = append(all, Setting{e.Key, v})
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return all, nil
}

// parseSchedule reads a number, or a map with the keys of a schedule.
func parseSchedule(n *syntax.Node) (estimators.Schedule, error) {
	s := estimators.Schedule{Kind: estimators.Constant}
	if n.Kind == syntax.Int || n.Kind == syntax.Float {
		v, err := strconv.ParseFloat(n.Text, 64)
		s.From, s.To = v, v
		if err != nil {
			return s, fmt.Errorf("wanted a finite number, found %s", n.Describe())
		}
		return s, nil
	}
	if n.Kind == syntax.Bool {
		if n.Text == "true" {
			s.From, s.To = 1, 1
		}
		return s, nil
	}
	if n.Kind != syntax.Map {
		return s, fmt.Errorf("wanted a number, or a schedule such as {kind: exponential, from: 0.1, to: 10}, found %s", n.Describe())
	}
	number := func(n *syntax.Node, v *float64) error {
		if n.Kind != syntax.Int && n.Kind != syntax.Float {
			return fmt.Errorf("wanted a number, found %s", n.Describe())
		}
		var err error
		if *v, err = strconv.ParseFloat(n.Text, 64); err != nil {
			return fmt.Errorf("wanted a finite number, found %s", n.Describe())
		}
		return nil
	}
	given := map[string]bool{}
	for _, e := range n.Entries {
		var err error
		switch given[e.Key] = true; e.Key {
		case "kind":
			s.Kind = estimators.ScheduleKind(e.Value.Text)
		case "from":
			err = number(e.Value, &s.From)
		case "to":
			err = number(e.Value, &s.To)
		case "steps":
			s.Steps, err = parseScheduleSteps(e.Value)
		default:
			err = errors.New("unexpected key; allowed: kind, from, to, steps")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", e.Key, err)
		}
	}
	if !given["kind"] || !given["from"] || given["to"] == (s.Kind == estimators.Steps || s.Kind == estimators.Constant) {
		return s, errors.New("a schedule wants kind and from, and also to (linear, exponential, cosine) or steps (steps)")
	}
	if !given["to"] {
		s.To = s.From
	}
	return s, s.Validate()
}

// parseScheduleSteps reads {50%: 0.1, 80%: 0.01}.
func parseScheduleSteps(n *syntax.Node) ([]estimators.ScheduleStep, error) {
	if n.Kind != syntax.Map {
		return nil, fmt.Errorf("wanted a map of shares of training to values such as {50%%: 0.1}, found %s", n.Describe())
	}
	if len(n.Entries) > maxItems {
		return nil, fmt.Errorf("%d steps; wanted at most %d", len(n.Entries), maxItems)
	}
	var steps []estimators.ScheduleStep
	for _, e := range n.Entries {
		d, err := ParseDuration(e.Key)
		if err != nil || d.Unit != Percent {
			return nil, fmt.Errorf("%q: wanted a share of training such as 50%%", e.Key)
		}
		v, err := strconv.ParseFloat(e.Value.Text, 64)
		if err != nil || e.Value.Kind != syntax.Int && e.Value.Kind != syntax.Float {
			return nil, fmt.Errorf("%s: wanted a number, found %s", e.Key, e.Value.Describe())
		}
		steps = append(steps, estimators.ScheduleStep{At: d.Value / 100, Value: v})
	}
	return steps, nil
}

func (settings) format(v any) string {
	var all []string
	for _, s := range v.([]Setting) {
		all = append(all, s.Name+": "+formatSchedule(s.Value))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

func formatSchedule(s estimators.Schedule) string {
	switch s.Kind {
	case estimators.Constant:
		return formatFloat(s.From)
	case estimators.Steps:
		var steps []string
		for _, p := range s.Steps {
			steps = append(steps, Duration{p.At * 100, Percent}.String()+": "+formatFloat(p.Value))
		}
		return fmt.Sprintf("{kind: steps, from: %s, steps: {%s}}", formatFloat(s.From), strings.Join(steps, ", "))
	}
	return fmt.Sprintf("{kind: %s, from: %s, to: %s}", s.Kind, formatFloat(s.From), formatFloat(s.To))
}

func (k settings) describe() string {
	if k.constant {
		return "a map {NAME: number, ...} with names " + strings.Join(k.names, ", ")
	}
	return "a map {NAME: number or schedule, ...} with names " + strings.Join(k.names, ", ")
}

func (k settings) schema() map[string]any {
	value := map[string]any{"type": "number"}
	if !k.constant {
		value = map[string]any{"anyOf": append(scheduleSchema(), map[string]any{"type": "boolean"})}
	}
	properties := map[string]any{}
	for _, name := range k.names {
		properties[name] = value
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

// scheduleSchema lists what parseSchedule reads: a number, or a map.
func scheduleSchema() []any {
	number := map[string]any{"type": "number"}
	return []any{number, map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"kind", "from"},
		"properties": map[string]any{
			"kind": map[string]any{"enum": []string{"constant", "linear", "exponential", "cosine", "steps"}}, "from": number, "to": number,
			"steps": map[string]any{"type": "object", "additionalProperties": number},
		},
	}}
}
