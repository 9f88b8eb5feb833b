package experiments

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// combination is a cell in the making.
type combination struct {
	names  []string
	values []valueSource
	at     syntax.Pos
}

func (c combination) note() string {
	var notes []string
	for _, v := range c.values {
		if v.note != "" {
			notes = append(notes, v.note)
		}
	}
	return strings.Join(notes, "; ")
}

// epochs are those of the published number's source, as the last value that knows them has them.
func (c combination) epochs() (n int) {
	for _, v := range c.values {
		n = cmp.Or(v.epochs, n)
	}
	return n
}

// combinations are the product of the axes without what is left out, and what is added.
func (s *source) combinations(d decoder) []combination {
	size := 1
	for _, a := range s.axes {
		if size *= max(1, len(a.values)); size > maxCells {
			d.errs.Report(a.pos, "axes: the table has more than %d cells; wanted fewer", maxCells)
			return nil
		}
	}
	used := make([]bool, len(s.leaveOut))
	var all []combination
	var extend func(c combination, axes []axisSource)
	extend = func(c combination, axes []axisSource) {
		if len(axes) == 0 {
			out := !c.goesTogether(s.axes)
			for i, l := range s.leaveOut {
				if l.matches(s.axes, c.names) {
					used[i], out = true, true
				}
			}
			if !out {
				all = append(all, c)
			}
			return
		}
		for _, v := range axes[0].values {
			next := combination{append(slices.Clone(c.names), v.name), append(slices.Clone(c.values), v), v.pos}
			extend(next, axes[1:])
		}
	}
	extend(combination{at: s.at}, s.axes)
	for i, l := range s.leaveOut {
		if !used[i] {
			d.errs.Report(l.pos, "leave_out: it matches no cell")
		}
	}
	for _, a := range s.add {
		if c, ok := s.added(d, a); ok {
			i := slices.IndexFunc(all, func(o combination) bool { return slices.Equal(o.names, c.names) })
			if i >= 0 {
				d.errs.Report(a.pos, "add: %q is a cell of the axes already; put it into leave_out, too, to replace it", strings.Join(c.names, " "))
				continue
			}
			all = append(all, c)
		}
	}
	return all
}

// goesTogether says whether each value goes with the others.
func (c combination) goesTogether(axes []axisSource) bool {
	for _, v := range c.values {
		for i, a := range axes {
			if want, given := v.goes[a.name]; given && !slices.Contains(want, c.names[i]) {
				return false
			}
		}
	}
	return true
}

// matches says whether a cell has the values that l names; an axis that l does not name may have any.
func (l cellSource) matches(axes []axisSource, names []string) bool {
	for i, a := range axes {
		if want, given := l.values[a.name]; given && !slices.Contains(want, names[i]) {
			return false
		}
	}
	return true
}

// added makes a cell of its own; a value that an axis lacks joins it.
func (s *source) added(d decoder, a cellSource) (c combination, ok bool) {
	c.at = a.pos
	for i := range s.axes {
		axis := &s.axes[i]
		names := a.values[axis.name]
		if len(names) != 1 {
			d.errs.Report(a.pos, "add: %s is missing; wanted the name of a value for each axis", axis.name)
			return c, false
		}
		at := slices.IndexFunc(axis.values, func(v valueSource) bool { return v.name == names[0] })
		if at < 0 {
			axis.values = append(axis.values, valueSource{name: names[0], pos: a.pos})
			at = len(axis.values) - 1
		}
		c.names = append(c.names, names[0])
		c.values = append(c.values, axis.values[at])
	}
	c.values = append(c.values, a.valueSource)
	return c, true
}

// where is what the row of a cell's published number has in its columns; false if a value of the cell has none where others
// of its axis have.
func (s *source) where(values []valueSource) (map[string]string, bool) {
	all := maps.Clone(s.published.where)
	if all == nil {
		all = map[string]string{}
	}
	own := len(values) > len(s.axes) && values[len(s.axes)].published != nil
	some := false
	for i, v := range values {
		if v.published == nil && i < len(s.axes) && !own &&
			slices.ContainsFunc(s.axes[i].values, func(o valueSource) bool { return o.published != nil }) {
			return nil, false
		}
		some = some || v.published != nil
		maps.Copy(all, v.published)
	}
	return all, some
}

// sides checks rows and columns: by default the first axis runs down the side, the others along the top.
func (s *source) sides(d decoder, t *Table) {
	var names []string
	for _, a := range t.Axes {
		names = append(names, a.Name)
	}
	known := func(side string, axes []string) {
		for i, a := range axes {
			if slices.Contains(axes[:i], a) {
				d.errs.Report(s.at, "%s: %s stands there twice", side, syntax.Shorten(a))
			}
			if !slices.Contains(names, a) {
				d.errs.Report(s.at, "%s: there is no axis %q%s; there are %s", side, syntax.Shorten(a), syntax.Suggest(a, names), strings.Join(names, ", "))
			}
		}
	}
	known("rows", t.Rows)
	known("columns", t.Columns)
	rest := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(t.Rows, n) || slices.Contains(t.Columns, n) })
	switch {
	case t.Rows == nil && t.Columns == nil:
		t.Rows, t.Columns = names[:1], names[1:]
	case t.Rows == nil:
		t.Rows = rest
	case t.Columns == nil:
		t.Columns = rest
	case len(rest) > 0:
		d.errs.Report(s.at, "the axis %q is neither in rows nor in columns", rest[0])
	}
	for _, n := range names {
		if slices.Contains(t.Rows, n) && slices.Contains(t.Columns, n) {
			d.errs.Report(s.at, "the axis %q is in rows and in columns; wanted one of them", n)
		}
	}
}
