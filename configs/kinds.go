package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/internal/filetype"
	"github.com/qat-go/qat/syntax"
)

// kind is the type of a leaf: how it is read, written, described and put into
// the JSON Schema. parse returns errKind when describe says all there is to say.
type kind interface {
	parse(n *syntax.Node) (any, error)
	format(v any) string // YAML on one line; parse reads it back
	describe() string    // completes "wanted ..."
	schema() map[string]any
}

var errKind = errors.New("wrong kind")

// text is a string that matches pattern, if there is one.
type text struct {
	what    string
	pattern *regexp.Regexp
}

func (k text) parse(n *syntax.Node) (any, error) {
	switch {
	case n.Kind == syntax.Bool || n.Kind == syntax.Int || n.Kind == syntax.Float || n.Kind == syntax.OddNumber:
		return nil, fmt.Errorf("wanted %s, found %s; quote it (\"%s\") if it is meant as text", k.what, syntax.Shorten(n.Text), syntax.Shorten(n.Text))
	case n.Kind != syntax.String || k.pattern != nil && !k.pattern.MatchString(n.Text):
		return nil, errKind
	}
	return n.Text, nil
}
func (k text) format(v any) string { return syntax.Quote(v.(string)) }
func (k text) describe() string    { return k.what }
func (k text) schema() map[string]any {
	s := map[string]any{"type": "string"}
	if k.pattern != nil {
		s["pattern"] = k.pattern.String()
	}
	return s
}

// weights is the name of a file of weights, or of the folder of a run, whose checkpoint it stands for. Of another file or
// folder it says what that is.
type weights struct{ text }

func (k weights) parse(n *syntax.Node) (any, error) {
	if n.Kind == syntax.String {
		if kind, err := filetype.Of(n.Text); err == nil && kind == filetype.Run {
			return filepath.Join(n.Text, filetype.RunCheckpoint), nil
		}
	}
	v, err := k.text.parse(n)
	if err != errKind || n.Kind != syntax.String {
		return v, err
	}
	kind, unread := filetype.Of(n.Text)
	if unread != nil {
		return nil, errKind
	}
	return nil, fmt.Errorf("%s is %s; wanted %s", syntax.Shorten(n.Text), kind, k.what)
}

// schema cannot tell the name of a run's folder.
func (k weights) schema() map[string]any { return map[string]any{"type": "string"} }

type boolean struct{}

func (boolean) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.Bool {
		return nil, errKind
	}
	return n.Text == "true", nil
}
func (boolean) format(v any) string    { return strconv.FormatBool(v.(bool)) }
func (boolean) describe() string       { return "true or false" }
func (boolean) schema() map[string]any { return map[string]any{"type": "boolean"} }

// duration is a Duration; positive ones exclude zero.
type duration struct{ positive bool }

func (k duration) parse(n *syntax.Node) (any, error) {
	if n.Kind == syntax.Bad || n.Kind == syntax.Null || n.Kind == syntax.Map || n.Kind == syntax.List {
		return nil, errKind
	}
	d, err := ParseDuration(n.Text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w; found %s", err, n.Describe())
	case k.positive && d.Value == 0:
		return nil, errKind
	}
	return d, nil
}
func (duration) format(v any) string { return v.(Duration).String() }
func (k duration) describe() string {
	if k.positive {
		return "a duration above zero such as 5ep, 2000it or 10%"
	}
	return "a duration such as 5ep, 2000it or 10%"
}
func (duration) schema() map[string]any {
	return map[string]any{"type": "string", "pattern": durationPattern.String()}
}

// decay is a Decay.
type decay struct{}

func (decay) parse(n *syntax.Node) (any, error) {
	if n.Kind == syntax.String && n.Text == "inherit" {
		return Decay{Inherit: true}, nil
	}
	v, err := real{zero: inclusive}.parse(n)
	if err != nil {
		return nil, err
	}
	return Decay{Value: v.(float64)}, nil
}
func (decay) format(v any) string { return v.(Decay).String() }
func (decay) describe() string    { return "a finite number >= 0, or inherit" }
func (decay) schema() map[string]any {
	return map[string]any{"anyOf": []any{real{zero: inclusive}.schema(), map[string]any{"const": "inherit"}}}
}

// maxItems is more than any list or map of a config has, and keeps checks that compare items with each other quick.
const maxItems = 1000

// list is a list whose items differ, as []T; item is the kind of T.
type list[T comparable] struct{ item kind }

func (k list[T]) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.List {
		return nil, errKind
	}
	if len(n.Items) > maxItems {
		return nil, fmt.Errorf("a list of %d items; wanted at most %d", len(n.Items), maxItems)
	}
	values := []T{}
	errs := ErrorList{}
	for _, it := range n.Items {
		v, err := k.item.parse(it)
		switch {
		case it.Kind == syntax.Bad: // reported, but the list is no good
		case err != nil:
			errs.Report(it.Pos, "%s", wanted(k.item, it, err))
		case slices.Contains(values, v.(T)):
			errs.Report(it.Pos, "%s is listed twice", k.item.format(v))
		default:
			values = append(values, v.(T))
		}
	}
	if len(values) < len(n.Items) {
		return nil, errs
	}
	return values, nil
}
func (k list[T]) format(v any) string {
	var items []string
	for _, it := range v.([]T) {
		items = append(items, k.item.format(it))
	}
	return "[" + strings.Join(items, ", ") + "]"
}
func (k list[T]) describe() string { return "a list [...], each item " + k.item.describe() }
func (k list[T]) schema() map[string]any {
	return map[string]any{"type": "array", "items": k.item.schema(), "uniqueItems": true, "maxItems": maxItems}
}

// bases is one file name or a list of them, as []*syntax.Node.
type bases struct{}

var fileName = text{"a file name without control characters", nonEmpty}

func (bases) parse(n *syntax.Node) (any, error) {
	if n.Kind == syntax.String {
		n = &syntax.Node{Kind: syntax.List, Items: []*syntax.Node{n}}
	}
	if _, err := (list[string]{fileName}).parse(n); err != nil {
		return nil, err
	}
	return n.Items, nil
}
func (bases) format(any) string { return "[]" } // resolved configs extend nothing
func (bases) describe() string  { return "a file name or a list of them" }
func (bases) schema() map[string]any {
	return map[string]any{"anyOf": []any{fileName.schema(), list[string]{fileName}.schema()}}
}

// wanted completes the message of a failed parse.
func wanted(k kind, n *syntax.Node, err error) string {
	if err == errKind {
		return fmt.Sprintf("wanted %s, found %s", k.describe(), n.Describe())
	}
	return err.Error()
}
