package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// table lays out rows in columns. One with a heading drops columns until its rows fit the
// width of the terminal; one without, a list of keys and values, keeps its values whole.
type table struct {
	w       io.Writer
	heading []string
	drop    []string // columns that may go, the first one first
	rows    [][]string
}

// newTable begins a table with a heading. With dropping, its columns leave where there is
// no room, in that order.
func newTable(w io.Writer, heading ...string) *table { return &table{w: w, heading: heading} }

func (t *table) dropping(columns ...string) *table {
	t.drop = columns
	return t
}

func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = printable(fmt.Sprint(c))
	}
	t.rows = append(t.rows, texts)
}

// columnGap is what stands between columns.
const columnGap = 2

func (t *table) flush() error {
	if len(t.heading) == 0 {
		return t.write(t.rows)
	}
	rows := append([][]string{t.heading}, t.rows...)
	width := outputWidth(t.w)
	var dropped []string
	for _, name := range t.drop {
		if rowWidth(widths(rows)) <= width {
			break
		}
		at := slices.Index(rows[0], name)
		for i, r := range rows {
			if at < len(r) {
				rows[i] = slices.Delete(slices.Clone(r), at, at+1)
			}
		}
		dropped = append(dropped, name)
	}
	// What is left over is taken from the widest column.
	if ws := widths(rows); rowWidth(ws) > width {
		widest := slices.Index(ws, slices.Max(ws))
		for _, r := range rows {
			if widest < len(r) {
				r[widest] = shortened(r[widest], max(ws[widest]-(rowWidth(ws)-width), 8))
			}
		}
	}
	if len(dropped) > 0 {
		rows = append(rows, []string{"(no room for " + strings.Join(dropped, ", ") + "; --json has all)"})
	}
	return t.write(rows)
}

// write pads the cells of each column to the same width. A row of one cell is text.
func (t *table) write(rows [][]string) error {
	ws := widths(rows)
	var b strings.Builder
	for _, r := range rows {
		line := ""
		for i, cell := range r {
			line += cell
			if i < len(r)-1 {
				line += strings.Repeat(" ", ws[i]+columnGap-utf8.RuneCountInString(cell))
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

func widths(rows [][]string) []int {
	var ws []int
	for _, r := range rows {
		if len(r) == 1 {
			continue
		}
		for i, cell := range r {
			if i == len(ws) {
				ws = append(ws, 0)
			}
			ws[i] = max(ws[i], utf8.RuneCountInString(cell))
		}
	}
	return ws
}

func rowWidth(columns []int) int {
	sum := 0
	for _, w := range columns {
		sum += w
	}
	return sum + columnGap*max(len(columns)-1, 0)
}

// shortened leaves n runes: the beginning of a sentence, the ends of a name.
func shortened(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1) / 2
	if strings.Contains(s, " ") {
		head = n - 1
	}
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// plainWidth is the width of output that does not go to a terminal.
const plainWidth = 80

// outputWidth is the number of columns that a row may have: those of the terminal, or
// $COLUMNS, or 80.
func outputWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return plainWidth
}
