package main

import (
	"strings"
	"testing"

	"github.com/qat-go/qat/layers"
)

func TestPrintFindings(t *testing.T) {
	f := layers.Findings{
		OnFloor: []layers.Finding{{Name: "a", Share: 1}, {Name: "b", Share: 0.5}, {Name: "c", Share: 0.6}, {Name: "d", Share: 0.6}},
		Dead:    []string{"e", "f"},
	}
	const want = "warning: scales held by their floor: a (100 %), b (50 %), 2 more\nwarning: one value everywhere: e, f\n"
	var out strings.Builder
	if err := printFindings(&out, f); err != nil || out.String() != want {
		t.Errorf("printed %q (%v), want %q", out.String(), err, want)
	}
	if len(f.OnFloor) != 4 || f.OnFloor[2].Name != "c" {
		t.Error("printing changed the findings")
	}
}
