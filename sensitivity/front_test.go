package sensitivity_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/sensitivity"
)

// Each choice of the front is what a budget of its cost gives; CSV has all of them, and the picture has them and the uniform ones.
func TestFront(t *testing.T) {
	cfg, m, table := lossesOf(t, 2, "quickstart", "model.shortcut=B")
	s := spaceOf(t, cfg, m, false, 2, 4, 8)
	for _, cost := range []sensitivity.Cost{sensitivity.Size, sensitivity.BitOps, sensitivity.MeanBits} {
		f, err := s.Front(context.Background(), table, cost, 1)
		if err != nil {
			t.Fatal(err)
		}
		if thin := f.Thin(5); len(thin) != 5 || thin[0].Amount != f.Points[0].Amount || thin[4].Amount != f.Points[len(f.Points)-1].Amount {
			t.Errorf("five of %d choices are %v; want the first and the last among them", len(f.Points), thin)
		}
		for _, p := range f.Thin(5) {
			limits := []sensitivity.Limit{{Cost: cost, Amount: p.Amount}}
			a, err := s.Allocate(context.Background(), table, limits, 1)
			if err != nil || math.Abs(a.Loss-p.Loss) > 1e-12*p.Loss {
				t.Fatalf("%s of %g: %v, %v; the front has %v", cost, p.Amount, a, err, p)
			}
		}
		if cost == sensitivity.Size {
			x := f.Uniform[1]
			if u := allocated(t, s, table, "size=50%").Uniform[1]; (int64(x.Amount)+7)/8 != u.SizeBytes || x.Loss != u.Loss || x.Widths[0].Weights != 4 {
				t.Errorf("all at 4 bits are %v on the front and %v beside an allocation", x, u)
			}
		}
		var b bytes.Buffer
		if err := f.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(lines) != 1+len(f.Points) || lines[0][0] != string(cost) || len(lines[0]) != 2+2*(len(m.Net.LayerNames())-2) {
			t.Errorf("%d lines of %d fields, %v", len(lines), len(lines[0]), err)
		}
		if last := lines[len(lines)-1]; last[2] != "8" || last[3] != "8" {
			t.Errorf("the last line is %v", last)
		}
		if svg := f.SVG(); cost == sensitivity.Size && !strings.Contains(svg, "<title>one width: "+strings.TrimSuffix(cost.Format(f.Uniform[0].Amount), " MB")+", ") {
			t.Errorf("the picture has no network at 2 bits of so many MB: %.500s", svg)
		} else if strings.Count(svg, "<title>one width: ") != 3 || !strings.Contains(svg, "<polyline") {
			t.Errorf("the picture is %.500s", svg)
		}
	}
}

// A front with losses that are not above 0, as measured ones may be, has another axis.
func TestFrontBelowZero(t *testing.T) {
	cfg, m, table := lossesOf(t, 2, "quickstart")
	for i := range table.Layers {
		table.Layers[i].Weights[6].Value = -1
	}
	f, err := spaceOf(t, cfg, m, false, 2, 8).Front(context.Background(), table, sensitivity.Size, 1)
	if err != nil {
		t.Fatal(err)
	}
	if svg := f.SVG(); svg == "" || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("the picture is %.500s", svg)
	}
}
