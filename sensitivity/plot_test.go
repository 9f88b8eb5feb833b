package sensitivity

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// A plot is XML, with a chart for each table that has numbers to draw, one below the other.
func TestPlot(t *testing.T) {
	layer := func(name string, values ...float64) Layer {
		l := Layer{Name: name}
		for i, v := range values {
			l.Weights = append(l.Weights, Loss{Bits: 2 + i, Value: v})
		}
		return l
	}
	r := &Report{Widths: []int{2, 3}, Tables: []Table{
		{Method: "perturb", Layers: []Layer{layer("a<b", 0.1, -0.01), layer("c", 0.2, 0.001)}},
		{Method: "sqnr", Layers: []Layer{layer("a", 0, 0)}},
	}}
	svg := r.Plot()
	for _, want := range []string{`viewBox="0 0 640 360"`, "perturb, weights", "2 bits", `<svg y="0" `} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in %s", want, svg)
		}
	}
	if strings.Contains(svg, "activations") || strings.Contains(svg, "sqnr") || strings.Count(svg, "<polyline") != 1 {
		t.Errorf("more than the one line that there is: %s", svg)
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if s := (&Report{}).Plot(); s != "" {
		t.Errorf("of nothing: %s", s)
	}
}
