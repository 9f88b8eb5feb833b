package experiments

import (
	"encoding/json"
	"testing"
)

// TestReport: what is not known is absent.
func TestReport(t *testing.T) {
	tab := loaded(t, twoByTwo)
	drop := 0.75
	r, err := Report(tab, []*Summary{
		{Cell: tab.Cells[0], Results: []*Result{{Test: 0.91}, {Test: 0.92}}, Mean: 91.5, Spread: 0.5, Drop: &drop},
		{Cell: tab.Cells[2], Results: []*Result{{Test: 0.5, NotInteger: "a reason"}}, Mean: 50},
		{Cell: tab.Cells[3]},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`{"cell":{"bits":"4/4","method":"LSQ"},"published_top1":91.3,"published_drop":0.3,"source":"Choi et al. PACT 2018 (arXiv:1805.06085)",` +
			`"measured_top1":91.5,"measured_spread":0.5,"measured_drop":0.75,"verdict":"within","seeds":2,"remarks":["ends: 8bit, published with fp","one"]}`,
		`{"cell":{"bits":"4/4","method":"DoReFa"},"measured_top1":50,"seeds":1,"remarks":["simulation: a reason"]}`,
		`{"cell":{"bits":"2/2","method":"DoReFa"},"seeds":0,"remarks":["two"]}`,
	} {
		if js, err := json.Marshal(r.Cells[i]); err != nil || string(js) != want {
			t.Errorf("%s, %v; want\n%s", js, err, want)
		}
	}
}
