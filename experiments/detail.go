package experiments

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// detail is all that is known of a cell, as its line below the table shows it; "" is not known.
type detail struct {
	Name                         string
	Published, PublishedDrop     string
	Measured, Drop, Float, Seeds string
	Epochs, There                string // trained here, and by the source of the published number
	Ends, Residual               string
	Size, BitOps                 string
	Recipe                       []string // where it departs from its method's source
	Source                       string
}

func (s *Summary) detail() detail {
	q := s.Cell.Config.Final().Quant
	d := detail{
		Name: s.Cell.Name(), Ends: q.FirstLast.String(), Residual: q.Residual.String(), Epochs: epochs(s.Cell.Full.String()), Seeds: "none yet",
		PublishedDrop: number(s.Cell.Published.PublishedDrop()), Drop: number(s.Drop), Float: number(s.Float), Recipe: s.Cell.Recipe(),
	}
	if p := s.Cell.Published; p != nil {
		d.Published, d.Source = number(&p.Top1), p.Source
		if p.Epochs > 0 {
			d.There = strconv.Itoa(p.Epochs)
		}
	}
	if len(s.Results) == 0 {
		return d
	}
	var seeds []string
	for _, res := range s.Results {
		seeds = append(seeds, fmt.Sprint(res.Seed))
	}
	last := s.Results[len(s.Results)-1]
	d.Seeds, d.Measured = strings.Join(seeds, ", "), s.mean()
	d.Size, d.BitOps = fmt.Sprintf("%.1f KiB", float64(last.SizeBytes)/1024), fmt.Sprintf("%.1f M", float64(last.BitOps)/1e6)
	if last.Length != last.FullLength {
		d.Epochs = epochs(last.Length) + " of " + epochs(last.FullLength)
	}
	return d
}

// column is one of the list of cells below the table.
type column struct {
	Name string
	Long bool // its texts break
	page bool // only the page has it
	of   func(d detail) []string
}

// columns are those of the list, of which those without a text are left out.
var columns = []column{
	{Name: "cell", of: text(func(d detail) string { return d.Name })},
	{Name: "published", page: true, of: text(func(d detail) string { return d.Published })},
	{Name: "its drop", page: true, of: text(func(d detail) string { return d.PublishedDrop })},
	{Name: "measured", page: true, of: text(func(d detail) string { return d.Measured })},
	{Name: "drop", page: true, of: text(func(d detail) string { return d.Drop })},
	{Name: "float", page: true, of: text(func(d detail) string { return d.Float })},
	{Name: "seeds", of: text(func(d detail) string { return d.Seeds })},
	{Name: "epochs", of: text(func(d detail) string { return d.Epochs })},
	{Name: "there", of: text(func(d detail) string { return d.There })},
	{Name: "ends", of: text(func(d detail) string { return d.Ends })},
	{Name: "residual", of: text(func(d detail) string { return d.Residual })},
	{Name: "size", of: text(func(d detail) string { return d.Size })},
	{Name: "BitOps", of: text(func(d detail) string { return d.BitOps })},
	{Name: "not as in the source of its method", Long: true, of: func(d detail) []string { return d.Recipe }},
	{Name: "published by", Long: true, page: true, of: text(func(d detail) string { return d.Source })},
}

func text(of func(detail) string) func(detail) []string {
	return func(d detail) []string {
		if s := of(d); s != "" {
			return []string{s}
		}
		return nil
	}
}

// details are what is known of the cells, in lines of text by row and column.
type details struct {
	Columns []column
	Rows    [][][]string
}

func newDetails(cells []*Summary, wanted func(column) bool) *details {
	var all []detail
	for _, s := range cells {
		all = append(all, s.detail())
	}
	l := &details{Rows: make([][][]string, len(all))}
	for _, c := range columns {
		if !wanted(c) || !slices.ContainsFunc(all, func(d detail) bool { return len(c.of(d)) > 0 }) {
			continue
		}
		l.Columns = append(l.Columns, c)
		for i, d := range all {
			l.Rows[i] = append(l.Rows[i], c.of(d))
		}
	}
	return l
}

// epochs is a length as a column of epochs has it; steps keep their unit.
func epochs(length string) string { return strings.TrimSuffix(length, "ep") }

// mean is that of the results, with their spread if there are several.
func (s *Summary) mean() string {
	text := number(&s.Mean)
	if len(s.Results) > 1 {
		text += " ± " + number(&s.Spread)
	}
	return text
}

// writeDocument writes the table as [WriteMarkdown] does, and below it what is known of each cell, and by what it was made.
func writeDocument(w io.Writer, t *Table, cells []*Summary) error {
	if err := WriteMarkdown(w, t, cells); err != nil {
		return err
	}
	var b strings.Builder
	list := newDetails(cells, func(c column) bool { return !c.page })
	b.WriteString("\n|")
	for _, c := range list.Columns {
		fmt.Fprintf(&b, " %s |", c.Name)
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(list.Columns)) + "\n")
	for _, row := range list.Rows {
		for _, lines := range row {
			fmt.Fprintf(&b, "| %s ", markdown(strings.Join(lines, "; ")))
		}
		b.WriteString("|\n")
	}
	if by := makers(cells); by != "" {
		fmt.Fprintf(&b, "\nMade by %s.\n", markdown(by))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
