package experiments

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// chart is a picture of lines or points over two axes, as SVG.
type chart struct {
	title, x, y string
	logX        bool
	wholeX      bool // ticks at whole numbers only
	series      []series
}

type series struct {
	name   string
	points [][2]float64 // in the order in which a line joins them
	line   bool
}

// colors are Okabe and Ito's, which people who see few colors tell apart.
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#b8a800"}

const (
	chartWidth, chartHeight       = 640, 360
	marginLeft, marginRight       = 56, 170
	marginTop, marginBottom       = 28, 44
	legendRow, maxLegend, maxTick = 16, 18, 8
)

// svg draws the chart; "" if it has fewer than two points.
func (c *chart) svg() string {
	lo, hi, n := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}, 0
	at := func(p [2]float64) [2]float64 {
		if c.logX {
			p[0] = math.Log10(p[0])
		}
		return p
	}
	for _, s := range c.series {
		for _, p := range s.points {
			n++
			for i, v := range at(p) {
				lo[i], hi[i] = min(lo[i], v), max(hi[i], v)
			}
		}
	}
	if n < 2 {
		return ""
	}
	for i := range lo { // some air around the outermost points
		air := (hi[i] - lo[i]) * 0.05
		if air < 1e-6*math.Abs(hi[i]) || air == 0 {
			air = 0.5 // of points at one place
		}
		lo[i], hi[i] = lo[i]-air, hi[i]+air
	}
	px := func(v float64) float64 {
		return marginLeft + (v-lo[0])/(hi[0]-lo[0])*(chartWidth-marginLeft-marginRight)
	}
	py := func(v float64) float64 {
		return chartHeight - marginBottom - (v-lo[1])/(hi[1]-lo[1])*(chartHeight-marginTop-marginBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="11">`, chartWidth, chartHeight)
	fmt.Fprintf(&b, `<title>%s</title><rect width="100%%" height="100%%" fill="#fff"/><text x="%[2]d" y="17" font-size="13">%[1]s</text>`, html.EscapeString(c.title), marginLeft)
	for _, t := range ticks(lo[1], hi[1]) {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f" stroke="#ddd"/><text x="%[4]d" y="%.1[5]f" text-anchor="end">%[6]s</text>`,
			marginLeft, chartWidth-marginRight, py(t), marginLeft-5, py(t)+4, short(t))
	}
	for _, v := range c.ticksX(lo[0], hi[0]) {
		t, label := at([2]float64{v})[0], short(v)
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1[1]f" y1="%[2]d" y2="%[3]d" stroke="#ddd"/><text x="%.1[1]f" y="%[4]d" text-anchor="middle">%[5]s</text>`,
			px(t), marginTop, chartHeight-marginBottom, chartHeight-marginBottom+14, label)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, (marginLeft+chartWidth-marginRight)/2, chartHeight-8, html.EscapeString(c.x))
	fmt.Fprintf(&b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`, (marginTop+chartHeight-marginBottom)/2, html.EscapeString(c.y))
	for i, s := range c.series {
		color := colors[i%len(colors)]
		var path []string
		for _, p := range s.points {
			q := at(p)
			path = append(path, fmt.Sprintf("%.1f,%.1f", px(q[0]), py(q[1])))
			if !s.line || len(s.points) == 1 {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s: %s, %s</title></circle>`, px(q[0]), py(q[1]), color, html.EscapeString(s.name), short(p[0]), short(p[1]))
			}
		}
		if s.line && len(path) > 1 {
			fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, strings.Join(path, " "), color)
		}
		if i < maxLegend {
			y := marginTop + 10 + i*legendRow
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="10" height="10" fill="%s"/><text x="%d" y="%d">%s</text>`,
				chartWidth-marginRight+12, y-9, color, chartWidth-marginRight+27, y, html.EscapeString(shorten(s.name, 24)))
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// ticksX are the numbers at the axis along the bottom, which goes from lo to hi; those are logarithms if it is logarithmic.
func (c *chart) ticksX(lo, hi float64) []float64 {
	switch {
	case c.wholeX:
		return slices.DeleteFunc(ticks(lo, hi), func(v float64) bool { return math.Abs(v-math.Round(v)) > 1e-9 })
	case !c.logX:
		return ticks(lo, hi)
	case hi-lo < 1:
		return ticks(math.Pow(10, lo), math.Pow(10, hi))
	}
	var all []float64
	for e := math.Floor(lo); e <= hi; e++ {
		for _, f := range []float64{1, 2, 5} {
			if v := f * math.Pow(10, e); math.Log10(v) >= lo && math.Log10(v) <= hi && (f == 1 || hi-lo < 3) {
				all = append(all, v)
			}
		}
	}
	return all
}

// ticks are round numbers from lo to hi, about six.
func ticks(lo, hi float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/5)))
	for _, f := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*f) <= maxTick {
			step *= f
			break
		}
	}
	var all []float64
	for i := math.Ceil(lo / step); i*step <= hi; i++ {
		all = append(all, i*step)
	}
	return all
}

// short writes a number with at most four digits that count.
func short(v float64) string {
	return strconv.FormatFloat(roundTo(v, 4), 'f', -1, 64)
}

func roundTo(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// charts are the pictures of a table: accuracy over size and over BitOps, cells of one row in one color, and
// over the epochs of the first seed.
func charts(t *Table, cells []*Summary) []string {
	size := &chart{title: "Accuracy and size", x: "size of weights, biases and scales in KiB", y: "top-1 in %", logX: true}
	ops := &chart{title: "Accuracy and BitOps", x: "BitOps of an image in millions", y: "top-1 in %", logX: true}
	curves := &chart{title: "Accuracy over the epochs, first seed", x: "epoch", y: "top-1 in % of the images that choose the epoch", wholeX: true}
	add := func(c *chart, name string, p [2]float64) {
		if i := slices.IndexFunc(c.series, func(s series) bool { return s.name == name }); i >= 0 {
			c.series[i].points = append(c.series[i].points, p)
			return
		}
		c.series = append(c.series, series{name: name, points: [][2]float64{p}})
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
		line := series{name: s.Cell.Name(), line: true}
		for _, p := range res.Curve {
			line.points = append(line.points, [2]float64{float64(p.Epoch), 100 * p.Top1})
		}
		if len(line.points) > 0 {
			curves.series = append(curves.series, line)
		}
	}
	var all []string
	for _, c := range []*chart{size, ops, curves} {
		if svg := c.svg(); svg != "" {
			all = append(all, svg)
		}
	}
	return all
}
