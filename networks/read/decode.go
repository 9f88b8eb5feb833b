package read

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/syntax"
)

// Words that stand for something else than a node of that name.
const (
	classesWord = "classes" // the number of classes
	beforeWord  = "before"  // in a repeat, the node before this round
)

// decoder makes nodes of YAML.
type decoder struct {
	*Source
	errs     *syntax.ErrorList
	names    map[string]syntax.Pos
	counts   map[networks.Kind]int
	previous string
	visited  int
	reads    int
	full     bool
}

// nearest is the first of [syntax.Nearest], if there is one, but of very many mistakes.
func (d *decoder) nearest(word string, candidates []string) []string {
	if len(*d.errs) >= syntax.MaxFindings {
		return nil
	}
	near := syntax.Nearest(word, candidates)
	return near[:min(len(near), 1)]
}

func (d *decoder) suggest(word string, candidates []string) string {
	return syntax.DidYouMean(d.nearest(word, candidates))
}

// list appends the nodes of a list.
func (d *decoder) list(n *syntax.Node, s scope) {
	if n.Kind != syntax.List || len(n.Items) == 0 {
		d.report(n, "nodes: wanted a list of nodes, such as [{conv: {out: 16, kernel: 3}}, relu]; found %s", emptyOr(n))
		return
	}
	for _, item := range n.Items {
		d.node(item, s)
		if d.full {
			return
		}
	}
}

func emptyOr(n *syntax.Node) string {
	if n.Kind == syntax.List {
		return "an empty list"
	}
	return n.Describe()
}

// node appends a node, or those of a repeat.
func (d *decoder) node(n *syntax.Node, s scope) {
	var key, name, from *syntax.Entry
	switch n.Kind {
	case syntax.String: // "relu" alone
		key = &syntax.Entry{Key: n.Text, Pos: n.Pos, Value: &syntax.Node{Pos: n.Pos, Kind: syntax.Null}}
	case syntax.Map:
		for i, e := range n.Entries {
			switch {
			case e.Key == "name":
				name = &n.Entries[i]
			case e.Key == "from":
				from = &n.Entries[i]
			case key != nil:
				d.errs.Report(e.Pos, "%q is a second operation beside %q; wanted one a node", syntax.Shorten(e.Key), syntax.Shorten(key.Key))
				return
			default:
				key = &n.Entries[i]
			}
		}
	}
	switch {
	case key == nil:
		d.report(n, "a node: wanted an operation, such as {conv: {out: 16, kernel: 3}} or relu; found %s", n.Describe())
	case key.Key == "repeat":
		for _, e := range []*syntax.Entry{name, from} {
			if e != nil {
				d.errs.Report(e.Pos, "a repeat has no %s; its nodes have", e.Key)
			}
		}
		d.repeat(key.Value, s)
	case d.visited == maxNodes:
		d.full = true
		d.report(n, "the network has more than %d nodes, with those that are repeated; wanted fewer", maxNodes)
	default:
		d.visited++
		d.operation(*key, name, from, s)
	}
}

// operation appends a node that is no repeat.
func (d *decoder) operation(key syntax.Entry, name, from *syntax.Entry, s scope) {
	kind := networks.Kind(key.Key)
	o, known := operations[kind]
	d.counts[kind]++
	out := node{name: fmt.Sprint(kind, d.counts[kind]), kind: kind, pos: key.Pos, froms: key.Pos, from: []string{d.previous}}
	d.previous = "" // if there is a mistake, the next node has nothing to read that is known
	at, advice := key.Pos, "; give this node a name"
	if name != nil {
		at, advice = name.Value.Pos, ""
		out.name = d.text(name.Value, s, "name")
	}
	switch first, twice := d.names[out.name]; {
	case out.name == networks.Input || out.name == beforeWord:
		d.errs.Report(at, "name: %q stands for what the network, or a round of a repeat, reads; wanted another name", out.name)
	case twice && out.name != "":
		d.errs.Report(at, "the name %q is taken by the node at %v%s", out.name, first, advice)
	}
	defer func() { d.names[out.name] = key.Pos }() // the node does not read itself
	if !known {
		d.errs.Report(key.Pos, "unknown operation %q%s; there are: %s, and repeat", syntax.Shorten(key.Key), d.suggest(key.Key, append(kinds(), "repeat", "name", "from")), allowed(kinds()))
		return
	}
	if from != nil {
		out.froms = from.Value.Pos
		out.from = d.from(from.Value, s)
	}
	if d.reads += len(out.from); d.reads > maxReads {
		d.full = true
		d.errs.Report(out.froms, "the nodes of the network read more than %d others in all; wanted fewer", maxReads)
		return
	}
	switch want := o.make(attributes{}).Inputs(); {
	case slices.Contains(out.from, ""): // reported
	case want == networks.Several && len(out.from) < 2:
		d.errs.Report(out.froms, "%s %q reads 2 nodes or more; wanted from: [first, second, ...]", kind, out.name)
	case want != networks.Several && want != len(out.from) && want == 1:
		d.errs.Report(out.froms, "%s %q reads one node, and from names %d", kind, out.name, len(out.from))
	case want != networks.Several && want != len(out.from):
		d.errs.Report(out.froms, "%s %q reads %d nodes; wanted from: [branch, stream]", kind, out.name, want)
	}
	out.attributes = d.attributes(key, o, s)
	d.nodes = append(d.nodes, out)
	d.previous = out.name
}

// attributes reads those of a node.
func (d *decoder) attributes(key syntax.Entry, o operation, s scope) attributes {
	a := o.defaults()
	switch k := key.Value.Kind; {
	case k == syntax.Map || k == syntax.Null:
	case len(o.attributes) == 0:
		d.report(key.Value, "%s has no attributes; found %s", key.Key, key.Value.Describe())
		return a
	default:
		d.report(key.Value, "%s: wanted a map with keys %s; found %s", key.Key, allowed(keysOf(o.attributes)), key.Value.Describe())
		return a
	}
	given := map[string]bool{}
	for _, e := range key.Value.Entries {
		i := slices.IndexFunc(o.attributes, func(a attribute) bool { return a.key == e.Key })
		if i < 0 {
			near := d.nearest(e.Key, keysOf(o.attributes))
			d.errs.Report(e.Pos, "unexpected key %q in %s%s; allowed: %s", syntax.Shorten(e.Key), key.Key, syntax.DidYouMean(near), allowed(keysOf(o.attributes)))
			for _, meant := range near {
				given[meant] = true
			}
			continue
		}
		given[e.Key] = true
		if e.Value.Kind == syntax.Bad {
			continue
		}
		before := a
		if want := o.attributes[i].set(&a, e.Value, s); want != "" {
			a = before
			d.report(e.Value, "%s.%s: wanted %s; found %s", key.Key, e.Key, want, e.Value.Describe())
		}
	}
	for _, at := range o.attributes {
		if at.def == "" && !given[at.key] {
			d.errs.Report(key.Pos, "%s: %s is missing; wanted %s", key.Key, at.key, strings.ReplaceAll(at.doc, "`", ""))
		}
	}
	return a
}

// from reads the names of what a node reads; "" where there is no such node, which is reported.
func (d *decoder) from(n *syntax.Node, s scope) (names []string) {
	items := []*syntax.Node{n}
	if n.Kind == syntax.List {
		items = n.Items
	}
	if len(items) > maxNodes {
		d.report(n, "from: %d names; wanted at most %d", len(items), maxNodes)
		return []string{""}
	}
	for _, item := range items {
		name := d.text(item, s, "from")
		_, there := d.names[name]
		switch {
		case name == "":
		case name == beforeWord && s.before != "":
			name = s.before
		case name == beforeWord:
			d.errs.Report(item.Pos, "from: before is the node before a round of a repeat, and there is none here")
			name = ""
		case name != networks.Input && !there:
			d.errs.Report(item.Pos, "from: no node above is called %q%s", syntax.Shorten(name), d.suggest(name, append(slices.Sorted(maps.Keys(d.names)), networks.Input)))
			name = ""
		}
		names = append(names, name)
	}
	return names
}

var (
	variable = regexp.MustCompile(`\{([^{}]*)\}`)
	nodeName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
)

// maxName is the longest name.
const maxName = 100

// text reads a name, with what the words in braces stand for; "" if there is a mistake.
func (d *decoder) text(n *syntax.Node, s scope, key string) string {
	if n.Kind != syntax.String && n.Kind != syntax.Int {
		d.report(n, "%s: wanted a name; found %s", key, n.Describe())
		return ""
	}
	if len(n.Text) > 10*maxName {
		d.report(n, "%s: a name of %d bytes; wanted at most %d", key, len(n.Text), maxName)
		return ""
	}
	unknown := ""
	name := variable.ReplaceAllStringFunc(n.Text, func(word string) string {
		value, ok := s.values[word[1:len(word)-1]]
		if !ok {
			unknown = word[1 : len(word)-1]
		}
		return value
	})
	switch {
	case unknown != "":
		d.report(n, "%s: {%s} stands for nothing here%s; repeats name their counter and lists", key, syntax.Shorten(unknown), s.suggest(unknown))
		return ""
	case !nodeName.MatchString(name) || len(name) > maxName:
		d.report(n, "%s: wanted a name of at most %d letters, digits, _, - and dots; found %s", key, maxName, n.Describe())
		return ""
	}
	return name
}
