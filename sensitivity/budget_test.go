package sensitivity_test

import (
	"math"
	"strings"
	"testing"

	"github.com/qat-go/qat/sensitivity"
)

// Amounts are in bits, operations and nanoseconds; what is no budget is told, with what was wanted.
func TestParseBudget(t *testing.T) {
	for text, want := range map[string]sensitivity.Limit{
		"size=0.10MB":      {Cost: sensitivity.Size, Amount: 800_000},
		"size=96KiB":       {Cost: sensitivity.Size, Amount: 96 * 8 * 1024},
		"size=1 MiB":       {Cost: sensitivity.Size, Amount: 8 << 20},
		"size=12kB":        {Cost: sensitivity.Size, Amount: 96_000},
		"size=5B":          {Cost: sensitivity.Size, Amount: 40},
		"size=0.5GB":       {Cost: sensitivity.Size, Amount: 4e9},
		"size=2GiB":        {Cost: sensitivity.Size, Amount: 8 << 31},
		"memory=48KiB":     {Cost: sensitivity.Memory, Amount: 48 * 8 * 1024},
		"bitops=1.2G":      {Cost: sensitivity.BitOps, Amount: 1.2e9},
		"bitops=350M":      {Cost: sensitivity.BitOps, Amount: 3.5e8},
		"bitops=2000":      {Cost: sensitivity.BitOps, Amount: 2000},
		"size=0 %":         {Cost: sensitivity.Size, Share: true},
		"bitops=3T":        {Cost: sensitivity.BitOps, Amount: 3e12},
		"latency=2ms":      {Cost: sensitivity.Latency, Amount: 2e6},
		" latency = 350us": {},
		"latency=350µs":    {Cost: sensitivity.Latency, Amount: 3.5e5},
		"mean_bits=3":      {Cost: sensitivity.MeanBits, Amount: 3},
		"size=50%":         {Cost: sensitivity.Size, Amount: 0.5, Share: true},
		"bitops=0%":        {Cost: sensitivity.BitOps, Share: true},
	} {
		limits, err := sensitivity.ParseBudget(text)
		if want.Cost == "" {
			if err == nil {
				t.Errorf("%q: %v; want an error", text, limits)
			}
			continue
		}
		if err != nil || len(limits) != 1 || limits[0].Cost != want.Cost || limits[0].Share != want.Share || math.Abs(limits[0].Amount-want.Amount) > 1e-9*want.Amount {
			t.Errorf("%q: %v, %v; want %v", text, limits, err, want)
		}
		again, err := sensitivity.ParseBudget(limits[0].String())
		if err != nil || again[0] != limits[0] && math.Abs(again[0].Amount-limits[0].Amount) > 1e-3*limits[0].Amount {
			t.Errorf("%q is written %s and read %v, %v", text, limits[0], again, err)
		}
	}
	if limits, err := sensitivity.ParseBudget("size=0.10MB, bitops=1.2G,mean_bits=50%"); err != nil || len(limits) != 3 || limits[1].Cost != sensitivity.BitOps {
		t.Errorf("%v, %v", limits, err)
	}
	for text, want := range map[string]string{
		"":                     `"": want COST=AMOUNT with one of the costs size, bitops, memory, latency, mean_bits`,
		"size":                 `"size": want COST=AMOUNT`,
		"sizes=1MB":            `"sizes=1MB": want COST=AMOUNT with one of the costs size, bitops, memory, latency, mean_bits (did you mean "size"?)`,
		"size=1MB,size=2MB":    "size is limited twice",
		"size=1":               "size=1: want a number above 0 with a unit, such as 0.10MB, 96KiB, or a percentage",
		"size=MB":              "size=MB: want a number above 0",
		"size=1mb":             "size=1mb: want",
		"size=-1MB":            "size=-1MB: want",
		"size=0MB":             "size=0MB: want",
		"size=NaNMB":           "size=NaNMB: want",
		"size=1e300MB":         "size=1e300MB: want",
		"size=101%":            "size=101%: want a percentage from 0 to 100",
		"bitops=1.2X":          "bitops=1.2X: want a number above 0 with a unit, such as 1.2G, 350M",
		"memory=2ms":           "memory=2ms: want",
		"latency=2000000h":     "latency=2000000h: want",
		"size=NaN%":            "size=NaN%: want a percentage",
		"latency=2":            "latency=2: want a number above 0 with a unit, such as 2ms, 350us",
		"mean_bits=3MB":        "mean_bits=3MB: want a number of bits above 0, such as 3, 2.5",
		"size=1MB,":            `"": want COST=AMOUNT`,
		"size=1MB;bitops=1.2G": "size=1MB;bitops=1.2G: want",
	} {
		if limits, err := sensitivity.ParseBudget(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, limits, err, want)
		}
	}
}

func FuzzParseBudget(f *testing.F) {
	f.Add("size=0.10MB,bitops=1.2G")
	f.Add("latency=2µs,size=50%")
	f.Fuzz(func(t *testing.T, text string) {
		limits, err := sensitivity.ParseBudget(text)
		if err != nil {
			return
		}
		for _, l := range limits {
			if !(l.Amount >= 0 && l.Amount < 1<<60) || l.Share && l.Amount > 1 {
				t.Errorf("%q: %v", text, l)
			}
		}
	})
}

// Amounts are written in the largest unit that they have one of, and stay below what sums can be.
func TestFormatOfCosts(t *testing.T) {
	for amount, want := range map[float64]string{1e9: "1 G", 999e6: "999 M", 1: "1", 1234567: "1.235 M"} {
		if got := sensitivity.BitOps.Format(amount); got != want {
			t.Errorf("%g is written %s, want %s", amount, got, want)
		}
	}
	for text, ok := range map[string]bool{"bitops=9007T": true, "bitops=9008T": false} {
		if _, err := sensitivity.ParseBudget(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
