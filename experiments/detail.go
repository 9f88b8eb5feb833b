package experiments

import (
	"fmt"
	"io"
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
	b.WriteString("\n| cell | seeds | epochs | there | ends | residual | size | BitOps | not as in the source of its method |\n|" + strings.Repeat("---|", 9) + "\n")
	for _, s := range cells {
		d := s.detail()
		for _, text := range []string{d.Name, d.Seeds, d.Epochs, d.There, d.Ends, d.Residual, d.Size, d.BitOps, strings.Join(d.Recipe, "; ")} {
			fmt.Fprintf(&b, "| %s ", markdown(text))
		}
		b.WriteString("|\n")
	}
	if by := makers(cells); by != "" {
		fmt.Fprintf(&b, "\nMade by %s.\n", markdown(by))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
