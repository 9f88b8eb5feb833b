package configs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/estimators"
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

func (k settings) parse(n *node) (any, error) {
	if n.kind != mapNode {
		return nil, errKind
	}
	all, errs := []Setting{}, ErrorList{}
	for _, e := range n.entries {
		if !slices.Contains(k.names, e.key) {
			errs.report(e.pos, "unknown name %q%s; allowed: %s", shorten(e.key), didYouMean(e.key, k.names), strings.Join(k.names, ", "))
			continue
		}
		v, err := parseSchedule(e.value)
		if k.constant && e.value.kind != intNode && e.value.kind != floatNode {
			err = fmt.Errorf("wanted a number, found %s", e.value.describe())
		}
		if err != nil {
			errs.report(e.value.pos, "%s: %v", e.key, err)
			continue
		}
		all = append(all, Setting{e.key, v})
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return all, nil
}

// parseSchedule reads a number, or a map with the keys of a schedule.
func parseSchedule(n *node) (estimators.Schedule, error) {
	s := estimators.Schedule{Kind: estimators.Constant}
	if n.kind == intNode || n.kind == floatNode {
		v, err := strconv.ParseFloat(n.text, 64)
		s.From, s.To = v, v
		if err != nil {
			return s, fmt.Errorf("wanted a finite number, found %s", n.describe())
		}
		return s, nil
	}
	if n.kind == boolNode {
		if n.text == "true" {
			s.From, s.To = 1, 1
		}
		return s, nil
	}
	if n.kind != mapNode {
		return s, fmt.Errorf("wanted a number, or a schedule such as {kind: exponential, from: 0.1, to: 10}, found %s", n.describe())
	}
	number := func(n *node, v *float64) error {
		if n.kind != intNode && n.kind != floatNode {
			return fmt.Errorf("wanted a number, found %s", n.describe())
		}
		var err error
		if *v, err = strconv.ParseFloat(n.text, 64); err != nil {
			return fmt.Errorf("wanted a finite number, found %s", n.describe())
		}
		return nil
	}
	given := map[string]bool{}
	for _, e := range n.entries {
		var err error
		switch given[e.key] = true; e.key {
		case "kind":
			s.Kind = estimators.ScheduleKind(e.value.text)
		case "from":
			err = number(e.value, &s.From)
		case "to":
			err = number(e.value, &s.To)
		case "steps":
			s.Steps, err = parseScheduleSteps(e.value)
		default:
			err = errors.New("unexpected key; allowed: kind, from, to, steps")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", e.key, err)
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
func parseScheduleSteps(n *node) ([]estimators.ScheduleStep, error) {
	if n.kind != mapNode {
		return nil, fmt.Errorf("wanted a map of shares of training to values such as {50%%: 0.1}, found %s", n.describe())
	}
	if len(n.entries) > maxItems {
		return nil, fmt.Errorf("%d steps; wanted at most %d", len(n.entries), maxItems)
	}
	var steps []estimators.ScheduleStep
	for _, e := range n.entries {
		d, err := ParseDuration(e.key)
		if err != nil || d.Unit != Percent {
			return nil, fmt.Errorf("%q: wanted a share of training such as 50%%", e.key)
		}
		v, err := strconv.ParseFloat(e.value.text, 64)
		if err != nil || e.value.kind != intNode && e.value.kind != floatNode {
			return nil, fmt.Errorf("%s: wanted a number, found %s", e.key, e.value.describe())
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
