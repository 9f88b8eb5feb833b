package sensitivity

import (
	"fmt"
	"strings"

	"github.com/qat-go/qat/internal/chart"
)

// Plot draws the tables as SVG: for the weights and for the activations of each, the loss over the layers, in order of
// execution, a line a width. Losses that are not above 0, which errors make of small ones, are left out. It is "" if there is
// nothing to draw.
func (r *Report) Plot() string {
	var all []string
	for _, table := range r.tables() {
		for _, of := range []struct {
			what   string
			losses func(Layer) []Loss
		}{{"weights", func(l Layer) []Loss { return l.Weights }}, {"activations", func(l Layer) []Loss { return l.Activations }}} {
			c := chart.Chart{Title: table.Method + ", " + of.what, X: "layer, in order of execution", Y: "loss", LogY: true, WholeX: true}
			for _, bits := range r.Widths {
				s := chart.Series{Name: fmt.Sprintf("%d bits", bits), Line: true}
				for i, l := range table.Layers {
					for _, x := range of.losses(l) {
						if x.Bits == bits && x.Value > 0 {
							s.Points = append(s.Points, [2]float64{float64(i + 1), x.Value})
						}
					}
				}
				c.Series = append(c.Series, s)
			}
			if svg := c.SVG(); svg != "" {
				all = append(all, svg)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	const width, height = 640, 360
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">`+"\n", width, height*len(all))
	for i, svg := range all {
		fmt.Fprintf(&b, `<svg y="%d" width="%d" height="%d" `, i*height, width, height)
		b.WriteString(strings.TrimPrefix(svg, "<svg "))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (r *Report) tables() []Table {
	if r == nil {
		return nil
	}
	return r.Tables
}
