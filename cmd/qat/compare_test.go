package main

import (
	"bytes"
	"testing"

	"github.com/qat-go/qat/experiments"
)

func TestLetters(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := letters(i); got != want {
			t.Errorf("column %d is %s; want %s", i, got, want)
		}
	}
}

func TestMeasured(t *testing.T) {
	for _, c := range []struct {
		name         string
		mean, spread *float64
		want         string
	}{
		{"test_top1", nil, nil, "-"}, {"test_top1", new(0.5), nil, "50.00 %"}, {"test_top1", new(0.5), new(0.0), "50.00 %"}, {"test_top1", new(0.5), new(0.01), "50.00 % ± 1.00 %"},
		{"size_bytes", new(2048.0), nil, "2.0 KiB"}, {"train_loss", new(0.123456), new(0.001), "0.1235 ± 0.001"},
	} {
		if got := measured(c.name, c.mean, c.spread); got != c.want {
			t.Errorf("%s is %q; want %q", c.name, got, c.want)
		}
	}
}

func TestCompareCSV(t *testing.T) {
	var out bytes.Buffer
	err := compareCSV(&out, &experiments.Comparison{
		Columns:  []experiments.Compared{{Runs: []string{"a", "b"}, Seeds: []uint64{0, 1}}, {Runs: []string{"c"}, Seeds: []uint64{7}}},
		Settings: []experiments.Setting{{Key: "train.lr", Values: []string{"0.1", "0.5"}}},
		Measures: []experiments.Measure{{Name: "test_top1", Means: []*float64{new(0.5), nil}, Spreads: []*float64{new(0.25), nil}}},
	})
	if want := "runs,seeds,train.lr,test_top1,test_top1_spread\na b,0 1,0.1,0.5,0.25\nc,7,0.5,,\n"; err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, &out)
	}
}
