// Package experiments runs tables: a matrix of experiments over one config, with published accuracies beside the measured ones.
//
// A [Table] is read from YAML by [Load]. It knows its runs without any data; [Reproduce] makes those that are missing, in any
// number of processes at once, [Summarize] reads what they measured, and [Write] shows it.
package experiments

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/qat-go/qat/configs"
)

// Table is a matrix of experiments.
type Table struct {
	Name  string // of its file
	Title string
	Note  string // what a reader has to know, such as how the ends are treated
	Axes  []Axis
	// Rows and Columns are the names of the axes down the side and along the top; together they are all axes.
	Rows, Columns []string
	Seeds         []uint64
	Budget        time.Duration // for all runs together; 0: as many epochs as the configs say
	Cells         []*Cell       // in the order of the axes
}

// Axis is one dimension of a table.
type Axis struct {
	Name   string
	Values []string
}

// Cell is one experiment of a table, which is run with each of its seeds.
type Cell struct {
	Values    []string // one of each axis
	Config    *configs.Config
	Published *Published // nil: no number is known
	Note      string     // where it departs from the paper's recipe
	// Full is how long the table wants to train, of which a budget leaves less in Config.
	Full configs.Duration
}

// Name is what the cell is called, and what globs match: the values of its axes.
func (c *Cell) Name() string {
	if c == nil {
		return ""
	}
	return strings.Join(c.Values, " ")
}

// Slug is the name as files have it.
func (c *Cell) Slug() string { return slug(c.Name()) }

// maxSlug is how long the name of a file may become by a cell, in bytes; systems take 255.
const maxSlug = 160

// slug keeps letters in lower case, digits and . - +; anything else becomes one underscore.
func slug(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(s) {
		if b.Len() >= maxSlug {
			break
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' && b.Len() > 0 || r == '-' || r == '+' {
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
			gap = false
			continue
		}
		gap = true
	}
	if b.Len() == 0 {
		return "cell"
	}
	return b.String()
}

// check reports a table that Load did not make.
func (t *Table) check() error {
	if t == nil || len(t.Cells) == 0 || slices.Contains(t.Cells, nil) {
		return errors.New("there is no table; want one of experiments.Load")
	}
	return checkCells(t.Cells)
}

func checkCells(cells []*Cell) error {
	for _, c := range cells {
		if c == nil || c.Config == nil {
			return errors.New("a cell has no config; want cells of a table of experiments.Load")
		}
	}
	return nil
}

// axis finds an axis by its name.
func (t *Table) axis(name string) int {
	return slices.IndexFunc(t.Axes, func(a Axis) bool { return a.Name == name })
}

// side is a cell's values of some axes, which name its row or column.
func (t *Table) side(axes []string, c *Cell) string {
	var parts []string
	for _, name := range axes {
		parts = append(parts, c.Values[t.axis(name)])
	}
	return strings.Join(parts, " ")
}

// Select returns the cells that glob matches, by name or slug; at least one.
func (t *Table) Select(glob string) ([]*Cell, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if glob == "" {
		return t.Cells, nil
	}
	const slash = "\u2215" // as good as "/", but * matches it
	plain := func(s string) string { return strings.ReplaceAll(s, "/", slash) }
	g, err := configs.ParseGlob(plain(glob))
	if err != nil {
		return nil, &Mistake{err}
	}
	var some []*Cell
	for _, c := range t.Cells {
		if g.Match(plain(c.Name())) || g.Match(c.Slug()) {
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		return nil, &Mistake{fmt.Errorf("%q matches no cell of %s; the first is %q, and \"qat reproduce %s --list\" has all", glob, t.Name, t.Cells[0].Name(), t.Name)}
	}
	return some, nil
}
