package configs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// document is what one source, or several merged ones, say.
type document struct {
	values map[string]setting // by key path
	rules  []ruleHead         // of quant.layers, in order
}

// setting is one value as written. A bad one was reported already.
type setting struct {
	value  any
	pos    Pos
	bad    bool
	preset string // of an estimator, its name
}

type ruleHead struct {
	glob Glob
	pos  Pos
}

func newDocument() *document { return &document{values: map[string]setting{}} }

// merge lets later win over d. A rule given again moves to the end, as later
// rules win over earlier ones.
func (d *document) merge(later *document) {
	d.forget(later)
	for path, s := range later.values {
		d.values[path] = s
	}
	for _, r := range later.rules {
		d.rules = slices.DeleteFunc(d.rules, func(old ruleHead) bool { return old.glob == r.glob })
		d.rules = append(d.rules, r)
	}
}

// decode checks a source against the table and keeps what is valid.
func (l *loader) decode(root *node) *document {
	doc := newDocument()
	l.section(doc, root, table(), "")
	return doc
}

func (l *loader) section(doc *document, n *node, fields []field, path string) {
	if !l.isMap(n, path, builtKeys(fields)) {
		if n.kind != mapNode {
			doc.markBad(fields, path, n.pos)
		}
		return
	}
	for _, e := range n.entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			l.unknownKey(e, fields, path)
			continue
		}
		p := subPath(path, e.key)
		switch f := fields[i]; {
		case f.unbuilt:
			l.report(e.pos, "%s is not built yet; remove it", p)
		case f.fields != nil:
			l.section(doc, e.value, f.fields, p)
		case f.each != nil:
			l.ruleMap(doc, e.value, f.each, p)
		default:
			l.leaf(doc, e.value, f.kind, p)
		}
	}
}

func (l *loader) leaf(doc *document, n *node, k kind, path string) {
	s := setting{pos: n.pos, bad: true}
	if n.kind != badNode {
		v, err := k.parse(n)
		var items ErrorList
		switch {
		case err == nil:
			s.value, s.bad = v, false
		case errors.As(err, &items):
			for _, e := range items {
				l.report(e.Pos, "%s: %s", path, e.Message)
			}
		default:
			l.report(n.pos, "%s: %s", path, wanted(k, n, err))
		}
	}
	doc.values[path] = s
}

func (l *loader) ruleMap(doc *document, n *node, each []field, path string) {
	if !l.isMap(n, path, `such as "layer3.*" (globs over layer names)`) {
		return
	}
	if len(n.entries) > maxItems {
		l.report(n.pos, "%s: %d rules; wanted at most %d", path, len(n.entries), maxItems)
		return
	}
	for _, e := range n.entries {
		p := rulePath(e.key)
		glob, err := ParseGlob(e.key)
		if err != nil {
			l.report(e.pos, "%s: %v", path, err)
			continue
		}
		before := len(doc.values)
		found := len(l.errs)
		l.section(doc, e.value, each, p)
		if len(doc.values) == before && len(l.errs) == found {
			l.report(e.pos, "%s changes nothing; give it weights or activations keys", p)
		}
		doc.rules = append(doc.rules, ruleHead{glob, e.pos})
	}
}

// isMap reports anything else.
func (l *loader) isMap(n *node, path, keys string) bool {
	if n.kind == mapNode {
		return true
	}
	if n.kind != badNode {
		what := path
		if what == "" {
			what = "a config"
		}
		l.report(n.pos, "%s: wanted a map with keys %s; found %s", what, keys, n.describe())
	}
	return false
}

// markBad keeps the keys of an unreadable section from being called missing.
func (d *document) markBad(fields []field, path string, pos Pos) {
	walk(fields, path, func(p string, f field) {
		d.values[p] = setting{pos: pos, bad: true}
	})
}

func (l *loader) unknownKey(e entry, fields []field, path string) {
	if len(l.errs) >= maxFindings { // enough to be counted
		l.report(e.pos, "unexpected key")
		return
	}
	where := ""
	if path != "" {
		where = " in " + path
	}
	hint := didYouMean(e.key, keysOf(fields))
	if hint == "" {
		hint = elsewhere(e.key)
	}
	l.report(e.pos, "unexpected key %q%s%s; allowed: %s", shorten(e.key), where, hint, builtKeys(fields))
}

func builtKeys(fields []field) string {
	built := slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.unbuilt })
	return strings.Join(keysOf(built), ", ")
}

// elsewhere finds a key given at the wrong level.
func elsewhere(key string) string {
	hint := ""
	walk(table(), "", func(path string, f field) {
		if f.key == key && hint == "" {
			hint = fmt.Sprintf(" (did you mean %q?)", path)
		}
	})
	return hint
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

func subPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// walk visits the leaves below path in the order of the table.
func walk(fields []field, path string, visit func(path string, f field)) {
	for _, f := range fields {
		p := subPath(path, f.key)
		switch {
		case f.fields != nil:
			walk(f.fields, p, visit)
		case f.kind != nil:
			visit(p, f)
		}
	}
}

// hasLeaf says whether the table has a leaf of the resolved config at path.
func hasLeaf(path string) bool {
	found := false
	walk(table(), "", func(p string, f field) { found = found || p == path && f.at != nil })
	return found
}
