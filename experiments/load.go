package experiments

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/qat-go/qat/configs"
	"github.com/qat-go/qat/internal/regular"
	"github.com/qat-go/qat/syntax"
)

//go:embed *.yaml
var embedded embed.FS

// Names lists the embedded tables.
func Names() []string {
	files, err := fs.Glob(embedded, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files
}

const (
	maxTable     = 1 << 20 // bytes
	maxPublished = 16 << 20
	maxCells     = 10000
)

// Load reads a table: a file, or an embedded one by its name. Overrides are those of configs.Load and count for all of its runs.
// Whatever is wrong with it, the error has all findings with their places.
func Load(nameOrPath string, overrides []string) (*Table, error) {
	t, err := load(nameOrPath, overrides)
	return t, asMistake(err)
}

func load(nameOrPath string, overrides []string) (*Table, error) {
	file, text, err := open(nameOrPath)
	if err != nil {
		return nil, err
	}
	var errs syntax.ErrorList
	n := syntax.Parse(text, func(line, column int) syntax.Pos { return syntax.Pos{File: file, Line: line, Column: column} }, &errs)
	d := decoder{&errs}
	s := d.table(n)
	if len(errs) > 0 {
		return nil, errs.Sorted()
	}
	name := strings.TrimSuffix(path.Base(filepath.ToSlash(file)), path.Ext(file))
	return s.build(d, strings.TrimPrefix(name, configs.EmbeddedFile), file, overrides)
}

// Mistake is what is wrong with a table, or with what is asked of it: to try again does not help.
type Mistake struct{ error }

// Unwrap is the mistake itself.
func (m *Mistake) Unwrap() error {
	if m == nil {
		return nil
	}
	return m.error
}

// Error is "" of none.
func (m *Mistake) Error() string {
	if m == nil || m.error == nil {
		return ""
	}
	return m.error.Error()
}

func asMistake(err error) error {
	if err == nil {
		return nil
	}
	return &Mistake{err}
}

// open reads a table's text; file is how places call it.
func open(nameOrPath string) (file string, text []byte, err error) {
	text, err = regular.Read(nameOrPath, maxTable)
	switch {
	case err == nil:
		return filepath.ToSlash(nameOrPath), text, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", nil, fmt.Errorf("%s: wanted a table, a YAML file: %w", nameOrPath, err)
	}
	base := strings.TrimSuffix(path.Base(filepath.ToSlash(nameOrPath)), ".yaml")
	if text, err := embedded.ReadFile(base + ".yaml"); err == nil {
		return configs.EmbeddedFile + base + ".yaml", text, nil
	}
	near := syntax.Nearest(base, Names())
	return "", nil, fmt.Errorf("%s: no such file or embedded table%s; there are %s", nameOrPath, syntax.DidYouMean(near[:min(len(near), 3)]), strings.Join(Names(), ", "))
}

// build makes the cells of a table.
func (s *source) build(d decoder, name, file string, overrides []string) (*Table, error) {
	t := &Table{Name: name, Title: s.title, Note: s.note, Seeds: s.seeds, Budget: s.budget, Rows: s.rows, Columns: s.columns}
	if t.Title == "" {
		t.Title = name
	}
	if len(t.Seeds) == 0 {
		t.Seeds = FirstSeeds(1)
	}
	if len(s.axes) == 0 {
		d.errs.Report(s.at, "axes are missing; wanted a map, such as {train.lr: [0.1, 0.01]}")
		return nil, d.errs.Sorted()
	}
	published, err := s.readPublished(file)
	if err != nil {
		return nil, err
	}
	combos := s.combinations(d)
	for _, a := range s.axes {
		axis := Axis{Name: a.name}
		for _, v := range a.values {
			axis.Values = append(axis.Values, v.name)
		}
		t.Axes = append(t.Axes, axis)
	}
	s.sides(d, t)
	slugs := map[string]string{}
	for _, combo := range combos {
		c := &Cell{Values: combo.names}
		if other, twice := slugs[c.Slug()]; twice {
			d.errs.Report(combo.at, "the cells %q and %q would have the same files, %s; change a name", other, c.Name(), c.Slug())
			continue
		}
		slugs[c.Slug()] = c.Name()
		cfg, err := s.vary(file, combo.values, overrides)
		if list := (syntax.ErrorList)(nil); errors.As(err, &list) {
			*d.errs = append(*d.errs, list...)
			continue
		} else if err != nil {
			return nil, err
		}
		c.Config, c.Full = cfg, cfg.Train.Length()
		c.Note = combo.note()
		if where, ok := s.where(combo.values); ok {
			if c.Published, err = findPublished(published, where); err != nil {
				d.errs.Report(combo.at, "published: %v", err)
			}
		}
		t.Cells = append(t.Cells, c)
	}
	if len(*d.errs) == 0 && len(t.Cells) == 0 {
		d.errs.Report(s.at, "the table has no cell; leave_out takes them all")
	}
	if len(*d.errs) > 0 {
		return nil, d.errs.Sorted()
	}
	return t, nil
}

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
		for _, a := range axes {
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

// readPublished reads the table's files of published accuracies, and then the embedded one.
func (s *source) readPublished(file string) ([][]publishedRow, error) {
	var all [][]publishedRow
	for _, n := range s.published.files {
		name := filepath.FromSlash(n.Text)
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(filepath.FromSlash(file)), name)
		}
		text, err := regular.Read(name, maxPublished)
		if err != nil {
			if pe := (*os.PathError)(nil); errors.As(err, &pe) {
				err = pe.Err
			}
			return nil, fmt.Errorf("%v: published.files: %s: %w", n.Pos, filepath.ToSlash(name), err)
		}
		rows, err := readPublished(filepath.ToSlash(name), bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	rows, err := readPublished(configs.EmbeddedFile+"published.csv", strings.NewReader(embeddedPublished))
	if err != nil {
		return nil, err
	}
	return append(all, rows), nil
}
