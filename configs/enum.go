package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// enum is one of values. Names in unbuilt are known but not built yet, those
// in refused can never be right here, for the reason given.
type enum[T ~string] struct {
	values  []T
	unbuilt []T
	refused map[T]string
}

func (k enum[T]) parse(n *syntax.Node) (any, error) {
	if n.Kind != syntax.String && n.Kind != syntax.Bool {
		return nil, errKind
	}
	v := T(n.Text)
	reason, refused := k.refused[v]
	switch {
	case slices.Contains(k.values, v):
		return v, nil
	case slices.Contains(k.unbuilt, v):
		return nil, fmt.Errorf("%q is not built yet; available today: %s", v, k.names())
	case refused:
		return nil, fmt.Errorf("%q is not possible here: %s; allowed: %s", v, reason, k.names())
	}
	hint := syntax.Suggest(n.Text, append(stringsOf(k.values), stringsOf(k.unbuilt)...))
	return nil, errors.New(fmt.Sprintf("unknown value %q", syntax.Shorten(n.Text)) + hint + "; allowed: " + k.names())
}

func (k enum[T]) names() string { return strings.Join(stringsOf(k.values), ", ") }

func (k enum[T]) format(v any) string { return string(v.(T)) }

func (k enum[T]) describe() string {
	if len(k.values) == 1 {
		return k.names()
	}
	return "one of " + k.names()
}

func (k enum[T]) schema() map[string]any {
	var values []any
	for _, v := range k.values {
		switch v {
		case "true", "false": // written without quotes, so a bool to YAML
			values = append(values, v == "true")
		default:
			values = append(values, v)
		}
	}
	return map[string]any{"enum": values}
}

func stringsOf[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
