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
	Details             *details
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
		p.Charts = append(p.Charts, template.HTML(svg)) // Chart.SVG escapes texts
	}
	p.Details = newDetails(cells, func(column) bool { return true })
	p.Made = makers(cells)
	return pageTemplate.Execute(w, p)
}

// makers says which versions made the results, and on which processors; "" if there are none.
func makers(cells []*Summary) string {
	var made []string
	for _, s := range cells {
		for _, res := range s.Results {
			if by := fmt.Sprintf("qat %s on %s (%s kernels)", res.Version, res.CPU, res.KernelPath); !slices.Contains(made, by) {
				made = append(made, by)
			}
		}
	}
	return strings.Join(made, "; ")
}

func (s *Summary) page(notes *[]string) pageCell {
	if s == nil {
		return pageCell{}
	}
	c := pageCell{Verdict: s.Verdict()}
	if p := s.Cell.Published; p != nil {
		c.Published = number(&p.Top1)
		if d := p.PublishedDrop(); d != nil {
			c.Published += ", drop " + number(d)
		}
	}
	if len(s.Results) == 0 {
		return c
	}
	c.Measured, c.Drop = s.mean(), number(s.Drop)
	for _, d := range s.Deviations() {
		c.Notes = append(c.Notes, noteNumber(notes, d))
	}
	return c
}
