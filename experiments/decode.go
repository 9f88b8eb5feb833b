package experiments

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qat-go/qat/syntax"
)

const maxValues = 1000 // of an axis, far above any table

// MaxSeeds is how many seeds a table may have.
const MaxSeeds = maxValues

func (d decoder) table(n *syntax.Node) *source {
	s := &source{at: n.Pos}
	d.fields(n, "a table",
		key{"title", d.text(&s.title, "title")},
		key{"note", d.text(&s.note, "note")},
		key{"config", func(n *syntax.Node) { s.config = d.name(n) }},
		key{"set", func(n *syntax.Node) { s.set = append(s.set, n) }},
		key{"axes", func(n *syntax.Node) { s.axes = d.axes(n) }},
		key{"rows", func(n *syntax.Node) { s.rows = d.texts(n, "rows") }},
		key{"columns", func(n *syntax.Node) { s.columns = d.texts(n, "columns") }},
		key{"leave_out", func(n *syntax.Node) { s.leaveOut = d.cells(n, "leave_out", s, false) }},
		key{"add", func(n *syntax.Node) { s.add = d.cells(n, "add", s, true) }},
		key{"seeds", func(n *syntax.Node) { s.seeds = d.seeds(n) }},
		key{"budget", func(n *syntax.Node) { s.budget = d.budget(n) }},
		key{"published", func(n *syntax.Node) {
			d.fields(n, "published",
				key{"files", func(n *syntax.Node) { s.published.files = list(n) }},
				key{"where", func(n *syntax.Node) { s.published.where = d.where(n, "published.where") }})
		}},
	)
	return s
}

// name is the node of a file's name.
func (d decoder) name(n *syntax.Node) *syntax.Node {
	if d.scalar(n, "config") == "" {
		return nil
	}
	return n
}

func (d decoder) axes(n *syntax.Node) []axisSource {
	if n.Kind != syntax.Map || len(n.Entries) == 0 {
		d.report(n, "axes: wanted a map, such as {method: {LSQ: {config: resnet20_lsq_w4a4}}, train.lr: [0.1, 0.01]}; found %s", describe(n))
		return nil
	}
	var all []axisSource
	for _, e := range n.Entries {
		a := axisSource{name: e.Key, pos: e.Pos}
		switch {
		case e.Value.Kind == syntax.List && len(e.Value.Items) > 0:
			a.values = d.keyValues(e.Key, e.Value)
		case e.Value.Kind == syntax.Map && len(e.Value.Entries) > 0:
			for _, v := range e.Value.Entries {
				a.values = append(a.values, d.value(v))
			}
		default:
			d.report(e.Value, "axes: %s: wanted a map of names, such as {LSQ: {config: resnet20_lsq_w4a4}}, or a list of values of the config's key %s; found %s", e.Key, e.Key, describe(e.Value))
		}
		if len(a.values) > maxValues {
			d.errs.Report(e.Pos, "axes: %s: %d values; wanted at most %d", e.Key, len(a.values), maxValues)
			a.values = a.values[:1]
		}
		all = append(all, a)
	}
	for _, a := range all {
		for i := range a.values {
			d.only(&a.values[i], a, all)
		}
	}
	return all
}

// only reads with which values of the other axes a value goes.
func (d decoder) only(v *valueSource, own axisSource, axes []axisSource) {
	if v.only == nil {
		return
	}
	v.goes = map[string][]string{}
	var keys []key
	for _, a := range axes {
		if a.name == own.name {
			continue
		}
		var names []string
		for _, o := range a.values {
			names = append(names, o.name)
		}
		keys = append(keys, key{a.name, func(n *syntax.Node) {
			v.goes[a.name] = d.texts(n, "only."+a.name)
			for _, name := range v.goes[a.name] {
				if !slices.Contains(names, name) {
					d.report(n, "only.%s: there is no value %q%s; there are %s", a.name, syntax.Shorten(name), syntax.Suggest(name, names), strings.Join(names, ", "))
				}
			}
		}})
	}
	d.fields(v.only, "only", keys...)
}

// keyValues are the values of an axis that is a key of the config.
func (d decoder) keyValues(path string, n *syntax.Node) []valueSource {
	var all []valueSource
	for _, item := range n.Items {
		if item.Kind == syntax.Bad {
			continue
		}
		set := &syntax.Node{Pos: item.Pos, Kind: syntax.Map, Entries: []syntax.Entry{{Key: path, Pos: item.Pos, Value: item}}}
		all = append(all, valueSource{name: flow(item), pos: item.Pos, set: []*syntax.Node{set}})
	}
	return d.distinct(path, all)
}

func (d decoder) distinct(axis string, values []valueSource) []valueSource {
	seen := map[string]bool{}
	return slices.DeleteFunc(values, func(v valueSource) bool {
		twice := seen[v.name]
		if twice {
			d.errs.Report(v.pos, "axes: %s: %s stands there twice", axis, syntax.Shorten(v.name))
		}
		seen[v.name] = true
		return twice
	})
}

func (d decoder) value(e syntax.Entry) valueSource {
	v := valueSource{name: e.Key, pos: e.Pos}
	if e.Value.Kind == syntax.Null { // a name alone
		return v
	}
	d.fields(e.Value, "a value of an axis", append(d.valueKeys(&v), key{"only", func(n *syntax.Node) { v.only = n }})...)
	return v
}

func (d decoder) valueKeys(v *valueSource) []key {
	return []key{
		{"config", func(n *syntax.Node) { v.config = d.name(n) }},
		{"set", func(n *syntax.Node) { v.set = append(v.set, n) }},
		{"published", func(n *syntax.Node) { v.published = d.where(n, "published") }},
		{"epochs", func(n *syntax.Node) { v.epochs = d.epochs(n) }},
		{"note", d.text(&v.note, "note")},
	}
}

// cells reads the entries of leave_out or add, maps from axes to values. What else an entry of add may have stands beside.
func (d decoder) cells(n *syntax.Node, what string, s *source, more bool) []cellSource {
	var all []cellSource
	if n.Kind != syntax.List {
		d.report(n, "%s: wanted a list of cells, such as [{method: TWN, bits: 2/32}]; found %s", what, n.Describe())
		return nil
	}
	for _, item := range n.Items {
		c := cellSource{values: map[string][]string{}}
		c.pos = item.Pos
		var keys []key
		if more {
			keys = d.valueKeys(&c.valueSource)
		}
		for _, a := range s.axes {
			keys = append(keys, key{a.name, func(n *syntax.Node) {
				c.values[a.name] = d.texts(n, what+"."+a.name)
				if more && len(c.values[a.name]) != 1 {
					d.report(n, "%s.%s: wanted the name of one value; found %s", what, a.name, n.Describe())
				}
			}})
		}
		if len(s.axes) == 0 {
			d.report(item, "%s: there are no axes above it; put axes first", what)
			return nil
		}
		d.fields(item, what, keys...)
		all = append(all, c)
	}
	return all
}

func (d decoder) seeds(n *syntax.Node) []uint64 {
	if n.Kind == syntax.Int { // so many
		count, err := strconv.Atoi(n.Text)
		if err != nil || count < 1 || count > MaxSeeds {
			d.report(n, "seeds: wanted a number from 1 to %d, or a list of seeds; found %s", MaxSeeds, n.Describe())
			return nil
		}
		return FirstSeeds(count)
	}
	var all []uint64
	if n.Kind == syntax.List && len(n.Items) == 0 {
		d.report(n, "seeds: wanted a number of seeds, or a list of seeds such as [0, 1, 2]; found %s", describe(n))
	}
	for _, item := range list(n) {
		seed, err := strconv.ParseUint(item.Text, 10, 64)
		switch {
		case item.Kind != syntax.Int || err != nil:
			d.report(item, "seeds: wanted a number of seeds, or a list of seeds such as [0, 1, 2]; found %s", item.Describe())
		case slices.Contains(all, seed):
			d.report(item, "seeds: %d stands there twice", seed)
		default:
			all = append(all, seed)
		}
	}
	return all
}

// FirstSeeds counts from 0.
func FirstSeeds(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i)
	}
	return all
}

func (d decoder) epochs(n *syntax.Node) int {
	count, err := strconv.Atoi(n.Text)
	if n.Kind != syntax.Int || err != nil || count < 1 {
		d.report(n, "epochs: wanted how many the source of the published number trained, 1 or more; found %s", n.Describe())
	}
	return count
}

func (d decoder) budget(n *syntax.Node) time.Duration {
	b, err := time.ParseDuration(n.Text)
	if n.Kind != syntax.String || err != nil || b <= 0 {
		d.report(n, "budget: wanted a time such as 90m or 2h; found %s", n.Describe())
		return 0
	}
	return b
}
