package experiments

import (
	"slices"

	"github.com/qat-go/qat/internal/chart"
)

// charts are the pictures of a table: accuracy over size and over BitOps, cells of one row in one color, and
// over the epochs of the first seed.
func charts(t *Table, cells []*Summary) []string {
	size := &chart.Chart{Title: "Accuracy and size", X: "size of weights, biases and scales in KiB", Y: "top-1 in %", LogX: true}
	ops := &chart.Chart{Title: "Accuracy and BitOps", X: "BitOps of an image in millions", Y: "top-1 in %", LogX: true}
	curves := &chart.Chart{Title: "Accuracy over the epochs, first seed of each cell", X: "epoch", Y: "top-1 in % of the images that choose the epoch", WholeX: true}
	add := func(c *chart.Chart, name string, p [2]float64) {
		if i := slices.IndexFunc(c.Series, func(s chart.Series) bool { return s.Name == name }); i >= 0 {
			c.Series[i].Points = append(c.Series[i].Points, p)
			return
		}
		c.Series = append(c.Series, chart.Series{Name: name, Points: [][2]float64{p}})
	}
	for _, s := range cells {
		if len(s.Results) == 0 {
			continue
		}
		res := s.Results[0]
		if res.SizeBytes > 0 {
			add(size, t.side(t.Rows, s.Cell), [2]float64{float64(res.SizeBytes) / 1024, s.Mean})
		}
		if res.BitOps > 0 {
			add(ops, t.side(t.Rows, s.Cell), [2]float64{float64(res.BitOps) / 1e6, s.Mean})
		}
		line := chart.Series{Name: s.Cell.Name(), Line: true}
		for _, p := range res.Curve {
			line.Points = append(line.Points, [2]float64{float64(p.Epoch), 100 * p.Top1})
		}
		if len(line.Points) > 0 {
			curves.Series = append(curves.Series, line)
		}
	}
	var all []string
	for _, c := range []*chart.Chart{size, ops, curves} {
		if svg := c.SVG(); svg != "" {
			all = append(all, svg)
		}
	}
	return all
}
