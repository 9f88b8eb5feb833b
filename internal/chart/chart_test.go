package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestChart: charts are XML, whatever their texts are.
func TestChart(t *testing.T) {
	c := &Chart{Title: `<&"`, X: "<x>", Y: "&", LogX: true, Series: []Series{{Name: "<script>", Points: [][2]float64{{1, 2}, {100, 3}}, Line: true}, {Name: "one", Points: [][2]float64{{10, 2.5}}}}}
	svg := c.SVG()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
	}
	if strings.Contains(svg, "%!") || strings.Contains(svg, "NaN") {
		t.Error(svg)
	}
	if (&Chart{Series: []Series{{Points: [][2]float64{{1, 1}}}}}).SVG() != "" {
		t.Error("a chart of one point")
	}
	many, looks := &Chart{}, map[string]bool{}
	for i := range maxLegend + 3 {
		many.Series = append(many.Series, Series{Name: fmt.Sprint("m", i), Points: [][2]float64{{float64(i), 1}}})
		color, mark, dash := look(i % (len(colors) * len(marks)))
		looks[color+mark+dash] = true
	}
	if svg := many.SVG(); strings.Count(svg, ">m") != 2*maxLegend+3 || !strings.Contains(svg, ">and 3 more<") || len(looks) != len(colors)*len(marks) || len(marks) != len(dashes) {
		t.Errorf("%d looks: %s", len(looks), svg)
	}
	same := (&Chart{Series: []Series{{Points: [][2]float64{{5, 5}, {5, 5}}}}}).SVG()
	if strings.Contains(same, "NaN") || strings.Contains(same, "Inf") || same == "" {
		t.Error("a chart of equal Points:", same)
	}
	for _, y := range []float64{1e-7, 1e4} { // a logarithmic axis has both ends, and numbers that are short
		log := (&Chart{LogY: true, Series: []Series{{Points: [][2]float64{{1, y}, {2, 1}}}}}).SVG()
		if label := ">" + short(y) + "<"; !strings.Contains(log, label) || strings.Contains(log, "0.0000001<") {
			t.Errorf("no %s in %s", label, log)
		}
	}
	for _, c := range []struct {
		chart  Chart
		lo, hi float64
		want   string
	}{
		{Chart{}, 0, 1, "0 0.2 0.4 0.6 0.8 1"},
		{Chart{WholeX: true}, 0.5, 1.5, "1"},
		{Chart{WholeX: true}, 0.9, 3.1, "1 2 3"},
		{Chart{WholeX: true}, 0, 100, "0 20 40 60 80 100"},
		{Chart{LogX: true}, math.Log10(68), math.Log10(145), "70 80 90 100 110 120 130 140"},
		{Chart{LogX: true}, math.Log10(9), math.Log10(600), "10 20 50 100 200 500"},
		{Chart{LogX: true}, math.Log10(9), math.Log10(6000), "10 20 50 100 200 500 1000 2000 5000"},
		{Chart{LogX: true}, math.Log10(9), math.Log10(20000), "10 100 1000 10000"},
	} {
		var got []string
		for _, v := range c.chart.ticksX(c.lo, c.hi) {
			got = append(got, short(v))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("ticks from %v to %v: %s; want %s", c.lo, c.hi, text, c.want)
		}
	}
}

// Points stand where the numbers at the axes are, larger ones further right and up, within the axes; a line has no marks.
func TestPlaces(t *testing.T) {
	svg := (&Chart{LogX: true, LogY: true, Series: []Series{
		{Name: "points", Points: [][2]float64{{1, 1000}, {10, 10}, {100, 1}}}, {Name: "line", Line: true, Points: [][2]float64{{1, 1}, {100, 1000}}},
	}}).SVG()
	var points [][2]float64
	for _, m := range regexp.MustCompile(`translate\(([0-9.]+) ([0-9.]+)\)" fill="#[0-9a-f]+"><title>`).FindAllStringSubmatch(svg, -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		y, _ := strconv.ParseFloat(m[2], 64)
		points = append(points, [2]float64{x, y})
	}
	if len(points) != 3 {
		t.Fatalf("%d points have marks, want those of no line: %s", len(points), svg)
	}
	for i, label := range []string{"1", "10", "100"} {
		if want := fmt.Sprintf(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, points[i][0], leastHeight-marginBottom+14, label); !strings.Contains(svg, want) {
			t.Errorf("the point at %s stands at %v, and its number does not: no %s in %s", label, points[i], want, svg)
		}
	}
	for i, label := range []string{"1000", "10", "1"} {
		if want := fmt.Sprintf(`y="%.1f" text-anchor="end">%s</text>`, points[i][1]+4, label); !strings.Contains(svg, want) {
			t.Errorf("the point at a height of %s stands at %v, and its number does not: no %s in %s", label, points[i], want, svg)
		}
	}
	if !(marginLeft < points[0][0] && points[0][0] < points[1][0] && points[1][0] < points[2][0] && points[2][0] < chartWidth-marginRight) ||
		!(marginTop < points[0][1] && points[0][1] < points[1][1] && points[1][1] < points[2][1] && points[2][1] < leastHeight-marginBottom) {
		t.Errorf("points stand at %v", points)
	}
}
