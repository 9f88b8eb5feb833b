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
// width of the terminal; one without, a list of keys and values, breaks long values at spaces.
type table struct {
	w       io.Writer
	heading []string
	drop    []string // columns that may go, the first one first
	breaks  bool     // the last column breaks at spaces
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
	width := outputWidth(t.w)
	if len(t.heading) == 0 {
		return t.write(broken(t.rows, width))
	}
	rows := append([][]string{t.heading}, t.rows...)
	var dropped []string
	for _, name := range t.drop {
		if rowWidth(widths(without(rows, dropped))) <= width {
			break
		}
		dropped = append(dropped, name)
	}
	// What leaves last may leave room for what left before.
	for i := len(dropped) - 2; i >= 0; i-- {
		fewer := slices.Delete(slices.Clone(dropped), i, i+1)
		if rowWidth(widths(without(rows, fewer))) <= width {
			dropped = fewer
		}
	}
	rows = without(rows, dropped)
	if t.breaks {
		rows = lastBroken(rows, width)
	} else {
		shorten(rows, widths(rows), width)
	}
	if len(dropped) > 0 {
		rows = append(rows, []string{"(no room for " + strings.Join(dropped, ", ") + "; --json has all)"})
	}
	return t.write(rows)
}

// shorten takes what the columns are wider than there is room from the widest of them.
func shorten(rows [][]string, columns []int, width int) {
	if rowWidth(columns) <= width {
		return
	}
	widest := slices.Index(columns, slices.Max(columns))
	for _, r := range rows {
		if widest < len(r) {
			r[widest] = shortened(r[widest], max(columns[widest]-(rowWidth(columns)-width), 8))
		}
	}
}

// without returns rows, of which the first is the heading, without the columns dropped.
func without(rows [][]string, dropped []string) [][]string {
	left := make([][]string, len(rows))
	for i, r := range rows {
		for at, cell := range r {
			if !slices.Contains(dropped, rows[0][at]) {
				left[i] = append(left[i], cell)
			}
		}
	}
	return left
}

// broken breaks values that have no room beside their keys at spaces, into rows without a key.
func broken(rows [][]string, width int) [][]string {
	keys := 0
	for _, r := range rows {
		if len(r) > 1 {
			keys = max(keys, utf8.RuneCountInString(r[0])+columnGap)
		}
	}
	var out [][]string
	for _, r := range rows {
		if len(r) != 2 {
			out = append(out, r)
			continue
		}
		key, value := r[0], r[1]
		for {
			at := -1 // the last space that leaves a line with room, or the first; "50 %" stays together
			for i, c := range value {
				if c == ' ' && !strings.HasPrefix(value[i:], " %") && (at < 0 || keys+utf8.RuneCountInString(value[:i]) <= width) {
					at = i
				}
			}
			if at < 0 || keys+utf8.RuneCountInString(value) <= width {
				break
			}
			out = append(out, []string{key, value[:at]})
			key, value = "", strings.TrimLeft(value[at:], " ")
		}
		out = append(out, []string{key, value})
	}
	return out
}

// leastBroken is the least width of a column that breaks.
const leastBroken = 30

// lastBroken breaks the last cells of rows at spaces, into rows without other cells.
func lastBroken(rows [][]string, width int) (out [][]string) {
	last := len(rows[0]) - 1
	shorten(rows, widths(rows)[:last], width-leastBroken-columnGap)
	left := max(width-rowWidth(widths(rows)[:last])-columnGap, leastBroken)
	for _, r := range rows {
		for i, line := range broken([][]string{{"", r[last]}}, left+columnGap) {
			if i > 0 {
				r = make([]string, last+1)
			}
			out = append(out, append(r[:last:last], line[1]))
		}
	}
	return out
}

// breaking lets the last column break at spaces where there is no room.
func (t *table) breaking() *table {
	t.breaks = true
	return t
}

// sayWithin prints a sentence in lines of the terminal's width, all but the first indented.
func sayWithin(w io.Writer, format string, args ...any) error {
	const indent = "  "
	sentence := printable(fmt.Sprintf(format, args...))
	lines := broken([][]string{{"", sentence}}, outputWidth(w)-len(indent)+columnGap)
	t := &table{w: w}
	for i, l := range lines {
		if i > 0 {
			l[1] = indent + l[1]
		}
		lines[i] = l[1:]
	}
	return t.write(lines)
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
