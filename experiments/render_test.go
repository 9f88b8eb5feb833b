package experiments

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// TestDetails: what is known of a cell stands in all files.
func TestDetails(t *testing.T) {
	tab := loaded(t, `
config: resnet20_pact_w4a4
set: {train.epochs: 20}
axes: {method: {PACT: {published: {method: PACT, w_bits: 4, a_bits: 4}, epochs: 200}}}
published: {where: {dataset: CIFAR-10, network: ResNet-20}}
`)
	drop, float := 1.25, 92.25
	s := &Summary{Cell: tab.Cells[0], Mean: 91, Float: &float, Drop: &drop,
		Results: []*Result{{Seed: 3, Test: 0.91, Length: "2ep", FullLength: "20ep", SizeBytes: 2048, BitOps: 3e6}}}
	for _, c := range []struct {
		write func(io.Writer, *Table, []*Summary) error
		want  []string
	}{
		{writeDocument, []string{"| PACT | 3 | 2 of 20 | 200 | fp | fp | 2.0 KiB | 3.0 M | model.init embedded:resnet20_cifar10, there random; train.lr 0.01, there 0.1; "}},
		{WriteHTML, []string{
			"<td>PACT</td><td>91.30</td><td>0.30</td><td>91.00</td><td>1.25</td><td>92.25</td><td>3</td><td>2 of 20</td><td>200</td><td>fp</td><td>fp</td><td>2.0 KiB</td><td>3.0 M</td><td class=\"long\">model.init embedded:resnet20_cifar10, there random<br>train.lr 0.01, there 0.1<br>",
		}},
		{WriteCSV, []string{",2ep,20ep,200,fp,fp,2048,3000000,", "train.lr 0.01, there 0.1; "}},
	} {
		var b bytes.Buffer
		if err := c.write(&b, tab, []*Summary{s}); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "train.epochs") {
				t.Errorf("wanted %q, and no train.epochs, in\n%s", want, b.String())
			}
		}
	}
	if s.Results = nil; s.detail().Epochs != "20" || s.detail().Seeds != "none yet" || s.detail().Measured != "" {
		t.Errorf("without a result %+v", s.detail())
	}
}

func TestMarkdown(t *testing.T) {
	tab := loaded(t, twoByTwo)
	cell := func(i int, tests ...float64) *Summary {
		s := &Summary{Cell: tab.Cells[i]}
		for _, v := range tests {
			s.Results = append(s.Results, &Result{Test: v / 100, Length: "1ep", FullLength: "3ep"})
		}
		s.Mean, s.Spread = meanSpread(tests)
		return s
	}
	drop := 0.75
	a := cell(0, 91, 92)
	a.Drop = &drop
	var b bytes.Buffer
	if err := WriteMarkdown(&b, tab, []*Summary{a, cell(1), cell(2, 50), cell(3)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| method | 4/4 | 2/2 |\n|---|---|---|\n",
		"| LSQ | 91.50 ± 0.71, -0.75 (91.30, -0.30) [1] [2] [3] | (89.70, -1.90) |\n",
		"| DoReFa | 50.00 [2] |  |\n",
		"1. ends: 8bit, published with fp\n2. 1ep of 3ep, by the budget\n3. one\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("wanted %q in\n%s", want, b.String())
		}
	}
	for i, want := range map[int]Verdict{0: Within, 1: Unknown, 2: Unknown} {
		if got := []*Summary{a, cell(1), cell(2, 50)}[i].Verdict(); got != want {
			t.Errorf("verdict %d is %q; want %q", i, got, want)
		}
	}
	for test, want := range map[float64]Verdict{90.7: Below, 90.9: Within, 91.7: Within, 91.9: Above} { // 91.3 is published
		if got := cell(0, test).Verdict(); got != want {
			t.Errorf("%v is %q; want %q", test, got, want)
		}
	}
}

func TestChange(t *testing.T) {
	for drop, want := range map[float64]string{0.75: "-0.75", -0.5: "+0.50", 0.001: "0.00", -0.001: "0.00", 0: "0.00"} {
		if got := change(drop); got != want {
			t.Errorf("a drop of %v is %s; want %s", drop, got, want)
		}
	}
}
