package experiments

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/qat-go/qat/internal/regular"
)

// Expected is what a table is to measure: a table.csv of before, of which each row's axes tell the cell, and the columns of what
// was measured count.
type Expected struct {
	columns []string // that count
	rows    []csvRow
}

// ReadExpected reads what a table is to measure.
func ReadExpected(path string, t *Table) (*Expected, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	e, err := readExpected(path, t)
	return e, asMistake(err)
}

func readExpected(path string, t *Table) (*Expected, error) {
	text, err := regular.Read(path, maxPublished)
	if err != nil {
		return nil, err
	}
	name := filepath.ToSlash(path)
	var axes []string
	for _, a := range t.Axes {
		axes = append(axes, a.Name)
	}
	head, rows, err := readCSV(name, text, axes)
	if err != nil {
		return nil, err
	}
	e := &Expected{rows: rows}
	known := slices.DeleteFunc(slices.Clone(csvColumns), func(column string) bool { return !counts(column) })
	for _, column := range head {
		if counts(column) {
			if !slices.Contains(known, column) {
				return nil, fmt.Errorf("%s:1: no table measures %q; there are %s", name, column, strings.Join(known, ", "))
			}
			e.columns = append(e.columns, column)
		}
	}
	if len(e.columns) == 0 {
		return nil, fmt.Errorf("%s:1: no column tells what is expected; want some of %s", name, strings.Join(known, ", "))
	}
	seen := map[string]string{}
	for _, r := range rows {
		cell := r.cell(t)
		if at, twice := seen[cell]; twice {
			return nil, fmt.Errorf("%s: %s has the cell %q already", r.at, at, cell)
		}
		seen[cell] = r.at
		for _, column := range e.columns {
			if _, err := strconv.ParseFloat(r.fields[column], 64); err != nil && r.fields[column] != "" {
				return nil, fmt.Errorf("%s: %s: wanted a number, or nothing; found %q", r.at, column, r.fields[column])
			}
		}
	}
	return e, nil
}

// counts says whether a column of table.csv is of what was measured.
func counts(column string) bool { return strings.HasPrefix(column, "measured_") || column == "seeds" }

// cell is the name of the cell that a row of table.csv has.
func (r csvRow) cell(t *Table) string {
	var values []string
	for _, a := range t.Axes {
		values = append(values, r.fields[a.Name])
	}
	return strings.Join(values, " ")
}

// Differences names the cells that did not measure what is expected, to the digits of table.csv, and those that only the table or
// only the file has. Cells of the table that are not among cells do not count.
func (e *Expected) Differences(t *Table, cells []*Summary) ([]string, error) {
	if e == nil {
		return nil, errors.New("nothing is expected; want what experiments.ReadExpected gives")
	}
	var text bytes.Buffer
	if err := WriteCSV(&text, t, cells); err != nil {
		return nil, err
	}
	_, measured, err := readCSV("", text.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	expected := map[string]csvRow{}
	for _, r := range e.rows {
		expected[r.cell(t)] = r
	}
	var all []string
	for _, m := range measured {
		want, ok := expected[m.cell(t)]
		if !ok {
			all = append(all, m.cell(t)+": nothing is expected of it")
			continue
		}
		var off []string
		for _, column := range e.columns {
			if found, want := m.fields[column], want.fields[column]; !sameNumber(found, want) {
				off = append(off, fmt.Sprintf("%s is %s, expected %s", column, orNothing(found), orNothing(want)))
			}
		}
		if len(off) > 0 {
			all = append(all, fmt.Sprintf("%s: %s (%s)", m.cell(t), strings.Join(off, "; "), want.at))
		}
	}
	for _, r := range e.rows {
		if !slices.ContainsFunc(t.Cells, func(c *Cell) bool { return c.Name() == r.cell(t) }) {
			all = append(all, fmt.Sprintf("%s: the table has no such cell (%s)", r.cell(t), r.at))
		}
	}
	return all, nil
}

func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return a == b || err1 == nil && err2 == nil && x == y
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
