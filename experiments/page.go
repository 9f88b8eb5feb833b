package experiments

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{"inc": func(i int) int { return i + 1 }}).Parse(pageText))

// page is what table.html shows.
type page struct {
	Title, Note, Corner string
	Tolerance           float64
	Columns             []string
	Rows                []pageRow
	Notes               []string
	Charts              []template.HTML
	Details             []pageDetail
	Made                string
}

type pageRow struct {
	Name  string
	Cells []pageCell
}

type pageCell struct {
	Verdict                   Verdict
	Measured, Drop, Published string
	Notes                     []int
}

type pageDetail struct {
	Name, Seeds, Length, Ends, Residual, Size, BitOps, Source string
}

// WriteHTML writes the table as one page that needs no other file.
func WriteHTML(w io.Writer, t *Table, cells []*Summary) error {
	if err := checkSummaries(t, cells); err != nil {
		return err
	}
	g := newGrid(t, cells)
	p := page{Title: t.Title, Note: t.Note, Corner: strings.Join(t.Rows, " "), Tolerance: Tolerance, Columns: g.columns}
	for _, row := range g.rows {
		r := pageRow{Name: row}
		for _, column := range g.columns {
			r.Cells = append(r.Cells, g.cells[[2]string{row, column}].page(&p.Notes))
		}
		p.Rows = append(p.Rows, r)
	}
	for _, svg := range charts(t, cells) {
		p.Charts = append(p.Charts, template.HTML(svg)) // made by chart.svg, which escapes texts
	}
	var made []string
	for _, s := range cells {
		p.Details = append(p.Details, s.detail())
		for _, res := range s.Results {
			if by := fmt.Sprintf("qat %s on %s (%s kernels)", res.Version, res.CPU, res.KernelPath); !slices.Contains(made, by) {
				made = append(made, by)
			}
		}
	}
	p.Made = strings.Join(made, "; ")
	return pageTemplate.Execute(w, p)
}

func (s *Summary) page(notes *[]string) pageCell {
	if s == nil {
		return pageCell{}
	}
	c := pageCell{Verdict: s.Verdict(), Published: s.published()}
	if len(s.Results) == 0 {
		return c
	}
	c.Measured, c.Drop = number(&s.Mean), number(s.Drop)
	if len(s.Results) > 1 {
		c.Measured += " ± " + number(&s.Spread)
	}
	for _, d := range s.Deviations() {
		c.Notes = append(c.Notes, noteNumber(notes, d))
	}
	return c
}

func (s *Summary) detail() pageDetail {
	q := s.Cell.Config.Quant
	d := pageDetail{Name: s.Cell.Name(), Ends: q.FirstLast.String(), Residual: q.Residual.String(), Length: s.Cell.Full.String()}
	if p := s.Cell.Published; p != nil {
		d.Source = p.Source
	}
	if len(s.Results) == 0 {
		d.Seeds = "none yet"
		return d
	}
	var seeds []string
	for _, res := range s.Results {
		seeds = append(seeds, fmt.Sprint(res.Seed))
	}
	last := s.Results[len(s.Results)-1]
	d.Seeds = strings.Join(seeds, ", ")
	d.Size, d.BitOps = fmt.Sprintf("%.1f KiB", float64(last.SizeBytes)/1024), fmt.Sprintf("%.1f M", float64(last.BitOps)/1e6)
	if last.Length != last.FullLength {
		d.Length = last.Length + " of " + last.FullLength
	}
	return d
}
