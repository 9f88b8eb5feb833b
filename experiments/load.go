package experiments

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
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

// open reads a table's text; file is how places call it. A folder of an embedded table's name does not hide that.
func open(nameOrPath string) (file string, text []byte, err error) {
	info, err := os.Stat(nameOrPath)
	if err != nil && errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		name := filepath.ToSlash(nameOrPath)
		if dir, base := path.Split(name); path.Base(dir) == "experiments" {
			name = base
		}
		name = strings.TrimSuffix(name, ".yaml")
		if text, err := embedded.ReadFile(name + ".yaml"); err == nil {
			return configs.EmbeddedFile + name + ".yaml", text, nil
		}
		if err != nil {
			near := syntax.Nearest(path.Base(name), Names())
			return "", nil, fmt.Errorf("%s: no such file or embedded table%s; there are %s", nameOrPath, syntax.DidYouMean(near[:min(len(near), 3)]), strings.Join(Names(), ", "))
		}
	}
	text, err = regular.Read(nameOrPath, maxTable)
	return filepath.ToSlash(nameOrPath), text, err
}

// Text is the YAML of a table: a file, or an embedded one by its name.
func Text(nameOrPath string) ([]byte, error) {
	_, text, err := open(nameOrPath)
	return text, asMistake(err)
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
	s.seedless(d, overrides)
	s.whereColumns(d, published)
	for _, a := range s.axes {
		if slices.Contains(csvColumns, a.name) {
			d.errs.Report(a.pos, "axes: table.csv has a column %s already; change the name", a.name)
		}
	}
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
			} else if c.Published != nil {
				c.Published.Epochs = combo.epochs()
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

// readPublished reads the table's files of published accuracies, and then the embedded one.
func (s *source) readPublished(file string) ([][]csvRow, error) {
	var all [][]csvRow
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
		rows, err := readPublished(filepath.ToSlash(name), text)
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	rows, err := readPublished(configs.EmbeddedFile+"published.csv", embeddedPublished)
	if err != nil {
		return nil, err
	}
	return append(all, rows), nil
}
