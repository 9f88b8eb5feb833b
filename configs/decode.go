package configs

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/qat-go/qat/syntax"
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
func (l *loader) decode(root *syntax.Node) *document {
	doc := newDocument()
	if i := slices.IndexFunc(root.Entries, func(e syntax.Entry) bool { return e.Key == "nodes" }); i >= 0 {
		l.report(root.Entries[i].Pos, "this is a network, not a config; %s of a config names its file", networkPath)
		l.meant = append(l.meant, keysOf(table())...)
		return doc
	}
	l.section(doc, root, table(), "")
	return doc
}

// either reports keys of one source of which each stands in place of the other.
func (l *loader) either(doc *document) {
	walk(table(), "", func(path string, f field) {
		this, given := doc.values[path]
		other, both := doc.values[f.other]
		if given && both && path < f.other && !this.bad && !other.bad {
			l.report(other.pos, "%s stands in place of %s, which is given too; remove one of them", f.other, path)
		}
	})
}

func (l *loader) section(doc *document, n *syntax.Node, fields []field, path string) {
	if !l.isMap(n, path, keyList(fields)) {
		if n.Kind != syntax.Map {
			doc.markBad(fields, path, n.Pos)
		}
		return
	}
	for _, e := range n.Entries {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.Key })
		if i < 0 {
			l.unknownKey(e, fields, path)
			continue
		}
		p := subPath(path, e.Key)
		switch f := fields[i]; {
		case f.fields != nil:
			l.section(doc, e.Value, f.fields, p)
		case f.each != nil:
			l.ruleMap(doc, e.Value, f.each, p)
		default:
			l.leaf(doc, e.Value, f.kind, p)
		}
	}
}

func (l *loader) leaf(doc *document, n *syntax.Node, k kind, path string) {
	s := setting{pos: n.Pos, bad: true}
	if n.Kind != syntax.Bad {
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
			l.report(n.Pos, "%s: %s", path, wanted(k, n, err))
		}
	}
	doc.values[path] = s
}

func (l *loader) ruleMap(doc *document, n *syntax.Node, each []field, path string) {
	if !l.isMap(n, path, `such as "layer3.*" (globs over layer names)`) {
		return
	}
	if len(n.Entries) > maxItems {
		l.report(n.Pos, "%s: %d rules; wanted at most %d", path, len(n.Entries), maxItems)
		return
	}
	for _, e := range n.Entries {
		p := rulePath(e.Key)
		glob, err := ParseGlob(e.Key)
		if err != nil {
			l.report(e.Pos, "%s: %v", path, err)
			continue
		}
		if n := len(strconv.Quote(e.Key)); n > MaxPattern {
			l.report(e.Pos, "%s: glob %q has %d characters with its quotes; wanted at most %d, which a key of YAML may have: give several rules", path, syntax.Shorten(e.Key), n, MaxPattern)
			continue
		}
		before := len(doc.values)
		found := len(l.errs)
		l.section(doc, e.Value, each, p)
		if len(doc.values) == before && len(l.errs) == found {
			l.report(e.Pos, "%s changes nothing; give it weights or activations keys", p)
		}
		doc.rules = append(doc.rules, ruleHead{glob, e.Pos})
	}
}

// isMap reports anything else.
func (l *loader) isMap(n *syntax.Node, path, keys string) bool {
	if n.Kind == syntax.Map {
		return true
	}
	if n.Kind != syntax.Bad {
		what := path
		if what == "" {
			what = "a config"
		}
		l.report(n.Pos, "%s: wanted a map with keys %s; found %s", what, keys, n.Describe())
	}
	return false
}

// markBad keeps the keys of an unreadable section from being called missing.
func (d *document) markBad(fields []field, path string, pos Pos) {
	walk(fields, path, func(p string, f field) {
		d.values[p] = setting{pos: pos, bad: true}
	})
}

func (l *loader) unknownKey(e syntax.Entry, fields []field, path string) {
	if len(l.errs) >= syntax.MaxFindings { // enough to be counted
		l.report(e.Pos, "unexpected key")
		return
	}
	where := ""
	if path != "" {
		where = " in " + path
	}
	var hint string
	near, other := syntax.Nearest(e.Key, keysOf(fields)), elsewhere(e.Key)
	switch {
	case len(near) > 0:
		hint, l.meant = syntax.DidYouMean(near[:1]), append(l.meant, subPath(path, near[0]))
	case other != "":
		hint, l.meant = syntax.DidYouMean([]string{other}), append(l.meant, other)
	}
	l.report(e.Pos, "unexpected key %q%s%s; allowed: %s", syntax.Shorten(e.Key), where, hint, keyList(fields))
}

// elsewhere finds the path of a key given at the wrong level; "" if there is none.
func elsewhere(key string) (at string) {
	walk(table(), "", func(path string, f field) {
		if f.key == key && at == "" {
			at = path
		}
	})
	return at
}

func keyList(fields []field) string { return strings.Join(keysOf(fields), ", ") }

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
func hasLeaf(path string) bool { return leaves()[path] }

var leaves = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	walk(table(), "", func(p string, f field) { all[p] = f.at != nil })
	return all
})

// KeyFor returns the path of the key that a word could mean, such as "train.lr" for
// "lr", or "" if there is none.
func KeyFor(word string) string {
	word = strings.ReplaceAll(word, "-", "_")
	switch word { // as nearly every other program calls them
	case "batch_size":
		return "train.batch"
	case "learning_rate":
		return "train.lr"
	}
	byWord := map[string]string{}
	var words []string
	walk(table(), "", func(path string, f field) {
		for _, w := range []string{path, f.key} {
			if _, taken := byWord[w]; !taken && f.fields == nil {
				byWord[w] = path
				words = append(words, w)
			}
		}
	})
	if near := syntax.Nearest(word, words); len(near) > 0 {
		return byWord[near[0]]
	}
	return ""
}
