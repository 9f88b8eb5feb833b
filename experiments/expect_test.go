package experiments

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExpected: each cell that measures something else is named, and so is one that only the table or only the file has.
func TestExpected(t *testing.T) {
	tab := loaded(t, twoByTwo)
	drop := 0.75
	cells := []*Summary{
		{Cell: tab.Cells[0], Results: []*Result{{Test: 0.91}, {Test: 0.92, Seed: 1}}, Mean: 91.5, Spread: 0.707, Drop: &drop},
		{Cell: tab.Cells[1], Results: []*Result{{Test: 0.5}}, Mean: 50},
		{Cell: tab.Cells[2]},
		{Cell: tab.Cells[3]},
	}
	const head = "method,bits,measured_top1,measured_spread,measured_drop,seeds\n"
	const same = "LSQ,4/4,91.50,0.71,0.75,2\nLSQ,2/2,50.00,,,1\nDoReFa,4/4,,,,0\nDoReFa,2/2,,,,0\n"
	whole := filepath.Join(t.TempDir(), "whole.csv")
	f, err := os.Create(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteCSV(f, tab, cells); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(written): "",
		head + same:     "",
		"\uFEFF" + strings.ReplaceAll(head+same, "\n", "\r\n"):                         "",
		head + strings.Replace(same, "91.50", "91.5", 1):                               "",
		"seeds,bits,method\n2,4/4,LSQ\n1,2/2,LSQ\n0,4/4,DoReFa\n0,2/2,DoReFa\n":        "",
		head + strings.Replace(same, "91.50", "91.51", 1):                              "LSQ 4/4: measured_top1 is 91.50, expected 91.51 (f.csv:2)",
		head + strings.Replace(same, "0.71,0.75,2", "0.70,,3", 1):                      "LSQ 4/4: measured_spread is 0.71, expected 0.70; measured_drop is 0.75, expected nothing; seeds is 2, expected 3 (f.csv:2)",
		head + strings.Replace(same, "DoReFa,4/4,,", "DoReFa,4/4,0,", 1):               "DoReFa 4/4: measured_top1 is nothing, expected 0 (f.csv:4)",
		head + strings.Replace(same, "LSQ,2/2,50.00,,,1\n", "", 1) + "PACT,2/2,,,,0\n": "LSQ 2/2: nothing is expected of it; PACT 2/2: the table has no such cell (f.csv:5)",
	} {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("f.csv", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		e, err := ReadExpected("f.csv", tab)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		off, err := e.Differences(tab, cells)
		if got := strings.Join(off, "; "); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
		if off, err := e.Differences(tab, cells[2:3]); err != nil || len(off) != strings.Count(want, "DoReFa")+strings.Count(want, "no such cell") {
			t.Errorf("%s, of one cell: %v, %v", text, off, err)
		}
	}
}

func TestExpectedFiles(t *testing.T) {
	tab := loaded(t, twoByTwo)
	for text, want := range map[string]string{
		"":                                 "f.csv: it is empty",
		"method,measured_top1\n":           `f.csv:1: there is no column "bits"`,
		"method,bits,published_top1\n":     "f.csv:1: no column tells what is expected; want some of measured_top1, ",
		"method,bits,measured_top5\n":      `f.csv:1: no table measures "measured_top5"; there are measured_top1, `,
		"method,bits,seeds\nLSQ,4/4,two\n": `f.csv:2: seeds: wanted a number, or nothing; found "two"`,
		"method,bits,seeds\nLSQ,4/4,2\nLSQ,2/2,2\nLSQ,4/4,2\n": `f.csv:4: f.csv:2 has the cell "LSQ 4/4" already`,
		"method,bits,seeds\nLSQ,4/4\n":                         "f.csv:2:1: wrong number of fields",
	} {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("f.csv", []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadExpected("f.csv", tab); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	if _, err := ReadExpected("none.csv", tab); err == nil {
		t.Error("a file that is not there is read")
	}
}

// TestMiniIsExpected: the committed values are of the embedded table as it is.
func TestMiniIsExpected(t *testing.T) {
	tab, err := Load("mini", nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ReadExpected(filepath.Join("testdata", "mini.csv"), tab)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.rows) != len(tab.Cells) {
		t.Errorf("%d rows for %d cells; run qat reproduce mini, and take its table.csv", len(e.rows), len(tab.Cells))
	}
}
