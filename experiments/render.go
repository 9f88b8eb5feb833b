package experiments

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// csvColumns are those of table.csv after the axes.
var csvColumns = []string{"published_top1", "published_drop", "measured_top1", "measured_spread", "measured_drop", "seeds", "length", "full_length", "published_epochs",
	"first_last", "residual", "size_bytes", "bitops", "source", "recipe", "remarks"}

// WriteCSV writes a line for each cell.
func WriteCSV(w io.Writer, t *Table, cells []*Summary) error {
	if err := checkSummaries(t, cells); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	var head []string
	for _, a := range t.Axes {
		head = append(head, a.Name)
	}
	if err := out.Write(append(head, csvColumns...)); err != nil {
		return err
	}
	for _, s := range cells {
		line := append([]string{}, s.Cell.Values...)
		d := s.detail()
		measured, spread, length, full, bytes, ops := "", "", "", "", "", ""
		if n := len(s.Results); n > 0 {
			last := s.Results[n-1]
			measured = number(&s.Mean)
			if n > 1 {
				spread = number(&s.Spread)
			}
			length, full = last.Length, last.FullLength
			bytes, ops = strconv.FormatInt(last.SizeBytes, 10), strconv.FormatInt(last.BitOps, 10)
		}
		line = append(line, d.Published, d.PublishedDrop, measured, spread, d.Drop, strconv.Itoa(len(s.Results)), length, full, d.There,
			d.Ends, d.Residual, bytes, ops, d.Source, strings.Join(d.Recipe, "; "), strings.Join(s.Deviations(), "; "))
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// number has two decimals, as papers do; "" of none.
func number(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', 2, 64)
}

// change is what a drop does to an accuracy, with its sign.
func change(drop float64) string {
	text := strconv.FormatFloat(-drop, 'f', 2, 64)
	switch {
	case text == "0.00" || text == "-0.00":
		return "0.00"
	case drop < 0:
		return "+" + text
	}
	return text
}

// grid is a table as it is drawn: a line for each combination of the row axes that has a cell, a column likewise.
type grid struct {
	rows, columns []string
	cells         map[[2]string]*Summary
}

func newGrid(t *Table, cells []*Summary) *grid {
	g := &grid{cells: map[[2]string]*Summary{}}
	seen := map[string]bool{}
	for _, s := range cells {
		row, column := t.side(t.Rows, s.Cell), t.side(t.Columns, s.Cell)
		if !seen["r"+row] {
			seen["r"+row] = true
			g.rows = append(g.rows, row)
		}
		if !seen["c"+column] {
			seen["c"+column] = true
			g.columns = append(g.columns, column)
		}
		g.cells[[2]string{row, column}] = s
	}
	return g
}

// WriteMarkdown writes the table as a grid, and below it what deviates.
func WriteMarkdown(w io.Writer, t *Table, cells []*Summary) error {
	if err := checkSummaries(t, cells); err != nil {
		return err
	}
	var b strings.Builder
	g := newGrid(t, cells)
	fmt.Fprintf(&b, "# %s\n\n", t.Title)
	if t.Note != "" {
		fmt.Fprintf(&b, "%s\n\n", t.Note)
	}
	fmt.Fprintf(&b, "Top-1 accuracy on the test images, in percent: measured (mean and standard deviation over seeds), and the change\nfrom the same network without quantizers; in parentheses what the source reports, and its change.\n\n")
	fmt.Fprintf(&b, "| %s |", strings.Join(t.Rows, " "))
	for _, c := range g.columns {
		if c == "" {
			c = "top-1"
		}
		fmt.Fprintf(&b, " %s |", markdown(c))
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(g.columns)+1) + "\n")
	var notes []string
	for _, row := range g.rows {
		fmt.Fprintf(&b, "| %s |", markdown(row))
		for _, column := range g.columns {
			fmt.Fprintf(&b, " %s |", g.cells[[2]string{row, column}].markdown(&notes))
		}
		b.WriteByte('\n')
	}
	if len(notes) > 0 {
		b.WriteByte('\n')
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, markdown(n))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown keeps a text from ending a cell, or being markup.
func markdown(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(s)
}

// markdown is a cell: what was measured, then what was published, then the numbers of its notes.
func (s *Summary) markdown(notes *[]string) string {
	if s == nil {
		return ""
	}
	text := s.measured()
	if p := s.published(); p != "" {
		if text != "" {
			text += " "
		}
		text += "(" + p + ")"
	}
	if len(s.Results) == 0 {
		return text
	}
	for _, d := range s.Deviations() {
		text += fmt.Sprintf(" [%d]", noteNumber(notes, d))
	}
	return text
}

func noteNumber(notes *[]string, text string) int {
	for i, n := range *notes {
		if n == text {
			return i + 1
		}
	}
	*notes = append(*notes, text)
	return len(*notes)
}

// measured is the mean, with its spread and drop where they are known.
func (s *Summary) measured() string {
	if len(s.Results) == 0 {
		return ""
	}
	text := s.mean()
	if s.Drop != nil {
		text += ", " + change(*s.Drop)
	}
	return text
}

// published is what the source reports.
func (s *Summary) published() string {
	p := s.Cell.Published
	if p == nil {
		return ""
	}
	text := number(&p.Top1)
	if d := p.PublishedDrop(); d != nil {
		text += ", " + change(*d)
	}
	return text
}
