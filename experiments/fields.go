package experiments

import (
	"slices"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// decoder reads a table and collects what is wrong with it.
type decoder struct {
	errs *syntax.ErrorList
}

func (d decoder) report(n *syntax.Node, format string, args ...any) {
	if n.Kind != syntax.Bad { // else reported
		d.errs.Report(n.Pos, format, args...)
	}
}

// key is one that a map may have.
type key struct {
	name string
	read func(*syntax.Node)
}

// fields reads a map with these keys.
func (d decoder) fields(n *syntax.Node, what string, keys ...key) {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	if n.Kind != syntax.Map {
		d.report(n, "%s: wanted a map with keys %s; found %s", what, strings.Join(names, ", "), n.Describe())
		return
	}
	for _, e := range n.Entries {
		i := slices.Index(names, e.Key)
		if i < 0 {
			d.errs.Report(e.Pos, "unexpected key %q in %s%s; allowed: %s", syntax.Shorten(e.Key), what, syntax.Suggest(e.Key, names), strings.Join(names, ", "))
			continue
		}
		if e.Value.Kind != syntax.Bad {
			keys[i].read(e.Value)
		}
	}
}

// scalar returns plain text, which YAML may take for a number.
func (d decoder) scalar(n *syntax.Node, what string) string {
	switch n.Kind {
	case syntax.String, syntax.Int, syntax.Float, syntax.Bool, syntax.OddNumber:
		if n.Text != "" {
			return n.Text
		}
	}
	d.report(n, "%s: wanted a text; found %s", what, n.Describe())
	return ""
}

func (d decoder) text(into *string, what string) func(*syntax.Node) {
	return func(n *syntax.Node) { *into = d.scalar(n, what) }
}

// list returns the items of a list, or the one value that stands for a list of one.
func list(n *syntax.Node) []*syntax.Node {
	if n.Kind == syntax.List {
		return n.Items
	}
	return []*syntax.Node{n}
}

func (d decoder) texts(n *syntax.Node, what string) []string {
	var all []string
	for _, item := range list(n) {
		if s := d.scalar(item, what); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// where reads columns and what they have to have.
func (d decoder) where(n *syntax.Node, what string) map[string]string {
	w := map[string]string{}
	if n.Kind != syntax.Map {
		d.report(n, "%s: wanted a map of columns, such as {method: LSQ, w_bits: 4}; found %s", what, n.Describe())
		return w
	}
	for _, e := range n.Entries {
		w[e.Key] = d.scalar(e.Value, what+"."+e.Key)
	}
	return w
}

func describe(n *syntax.Node) string {
	switch {
	case n.Kind == syntax.Map && len(n.Entries) == 0:
		return "an empty map"
	case n.Kind == syntax.List && len(n.Items) == 0:
		return "an empty list"
	}
	return n.Describe()
}

// flow writes a value on one line.
func flow(n *syntax.Node) string {
	switch n.Kind {
	case syntax.List:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = flow(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case syntax.Map:
		parts := make([]string, len(n.Entries))
		for i, e := range n.Entries {
			parts[i] = e.Key + ": " + flow(e.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return n.Text
}
