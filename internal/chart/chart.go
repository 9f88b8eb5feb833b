// Package chart draws lines and points over two axes, as SVG.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Chart is lines or points over two axes.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	WholeX      bool // ticks at whole numbers only
	Series      []Series
}

// Series is what has one color and mark, or dash.
type Series struct {
	Name   string
	Points [][2]float64 // in the order in which a line joins them
	Line   bool
}

// colors are Okabe and Ito's, which people who see few colors tell apart.
var colors = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#b8a800"}

const (
	chartWidth, leastHeight       = 640, 360
	marginLeft, marginRight       = 56, 170
	marginTop, marginBottom       = 28, 44
	legendRow, maxLegend, maxTick = 16, 64, 8
)

// marks are what stands at a point around 0, 0, and dashes how lines are broken. Each goes with all colors before the next one does.
var (
	marks  = []string{"M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", "M-3.5-3.5h7v7h-7z", "M0-4.5l4.5 8h-9z", "M0-5l5 5l-5 5l-5-5z", "M-1-4h2v3h3v2h-3v3h-2v-3h-3v-2h3z", "M0 4.5l4.5-8h-9z"}
	dashes = []string{"none", "7 3", "2 2", "9 3 2 3", "1 4", "14 4"}
)

// look is how the series in a place looks.
func look(place int) (color, mark, dash string) {
	round := place / len(colors)
	return colors[place%len(colors)], marks[round%len(marks)], dashes[round%len(dashes)]
}

// SVG draws the chart; "" if it has fewer than two points. Texts are escaped. Of a logarithmic axis, numbers are above 0.
func (c *Chart) SVG() string {
	lo, hi, n := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}, 0
	at := func(p [2]float64) [2]float64 {
		for i, log := range []bool{c.LogX, c.LogY} {
			if log {
				p[i] = math.Log10(p[i])
			}
		}
		return p
	}
	for _, s := range c.Series {
		for _, p := range s.Points {
			n++
			for i, v := range at(p) {
				lo[i], hi[i] = min(lo[i], v), max(hi[i], v)
			}
		}
	}
	if n < 2 {
		return ""
	}
	shown := min(len(c.Series), maxLegend)
	chartHeight := max(leastHeight, marginTop+(shown+2)*legendRow)
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
		return float64(chartHeight-marginBottom) - (v-lo[1])/(hi[1]-lo[1])*float64(chartHeight-marginTop-marginBottom)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="11">`, chartWidth, chartHeight)
	fmt.Fprintf(&b, `<title>%s</title><rect width="100%%" height="100%%" fill="#fff"/><text x="%[2]d" y="17" font-size="13">%[1]s</text>`, html.EscapeString(c.Title), marginLeft)
	for _, v := range ticksOf(c.LogY, lo[1], hi[1]) {
		t := at([2]float64{1, v})[1]
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1[3]f" stroke="#ddd"/><text x="%[4]d" y="%.1[5]f" text-anchor="end">%[6]s</text>`,
			marginLeft, chartWidth-marginRight, py(t), marginLeft-5, py(t)+4, short(v))
	}
	for _, v := range c.ticksX(lo[0], hi[0]) {
		t, label := at([2]float64{v, 1})[0], short(v)
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1[1]f" y1="%[2]d" y2="%[3]d" stroke="#ddd"/><text x="%.1[1]f" y="%[4]d" text-anchor="middle">%[5]s</text>`,
			px(t), marginTop, chartHeight-marginBottom, chartHeight-marginBottom+14, label)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, (marginLeft+chartWidth-marginRight)/2, chartHeight-8, html.EscapeString(c.X))
	fmt.Fprintf(&b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`, (marginTop+chartHeight-marginBottom)/2, html.EscapeString(c.Y))
	for i, s := range c.Series {
		color, mark, dash := look(i)
		var path []string
		for _, p := range s.Points {
			q := at(p)
			path = append(path, fmt.Sprintf("%.1f,%.1f", px(q[0]), py(q[1])))
			if !s.Line || len(s.Points) == 1 {
				fmt.Fprintf(&b, `<path d="%s" transform="translate(%.1f %.1f)" fill="%s"><title>%s: %s, %s</title></path>`, mark, px(q[0]), py(q[1]), color, html.EscapeString(s.Name), short(p[0]), short(p[1]))
			}
		}
		if s.Line && len(path) > 1 {
			fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5" stroke-dasharray="%s"><title>%s</title></polyline>`, strings.Join(path, " "), color, dash, html.EscapeString(s.Name))
		}
		x, y := chartWidth-marginRight+12, marginTop+10+i*legendRow
		switch {
		case i >= shown:
			continue
		case s.Line && len(path) > 1:
			fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%d" y2="%[3]d" stroke="%s" stroke-width="2" stroke-dasharray="%s"/>`, x, x+22, y-4, color, dash)
		default:
			fmt.Fprintf(&b, `<path d="%s" transform="translate(%d %d)" fill="%s"/>`, mark, x+11, y-4, color)
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, x+28, y, html.EscapeString(shorten(s.Name, 24)))
	}
	if more := len(c.Series) - shown; more > 0 {
		fmt.Fprintf(&b, `<text x="%d" y="%d">and %d more</text>`, chartWidth-marginRight+12, marginTop+10+shown*legendRow, more)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// ticksX are the numbers at the axis along the bottom, as of ticksOf.
func (c *Chart) ticksX(lo, hi float64) []float64 {
	all := ticksOf(c.LogX, lo, hi)
	if c.WholeX {
		all = slices.DeleteFunc(all, func(v float64) bool { return math.Abs(v-math.Round(v)) > 1e-9 })
	}
	return all
}

// ticksOf are the numbers at an axis that goes from lo to hi; those are logarithms if it is logarithmic.
func ticksOf(log bool, lo, hi float64) []float64 {
	switch {
	case !log:
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
	format := byte('f')
	if v != 0 && math.Abs(v) < 1e-4 {
		format = 'g'
	}
	return strconv.FormatFloat(roundTo(v, 4), format, -1, 64)
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
