package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/syntax"
)

// Text that is not YAML is reported at its place, in characters, with what would be right.
func TestSyntaxMistakes(t *testing.T) {
	for _, tt := range [][2]string{
		{"extends: quickstart.yaml\ntrain:\n\tlr: 0.02\n", "3:1: not valid YAML: a tab indents the line; YAML wants spaces"},
		{"train:\n  epochs: 1\n  \tlr: 0.02\n", "3:3: not valid YAML: a tab indents"},
		{"name: \"ä\\d\"\n", `1:9: not valid YAML: \d is no escape of a text in double quotes; write '...'`},
		{"data:\n  root: \"C:\\data\"\n", `2:12: not valid YAML: \d is no escape`},
		{"data: {root: \"C:\\\\x\", name: \"\\q\"}\n", `1:30: not valid YAML: \q is no escape`},
		{"description: 'a \\d'\nname: \"\\d\"\n", `2:8: not valid YAML: \d is no escape`},
		{"name: é\xe9\n", "1:8: not valid YAML: the byte 0xe9 is not UTF-8; save the file as UTF-8"},
		{"a: \uFFFD\nname: \xc3\x28\n", "2:7: not valid YAML: the byte 0xc3 is not UTF-8"},
		{"\xff\xfen\x00a\x00", "1:1: not valid YAML: the text is UTF-16; save it as UTF-8"},
		{"name: x\ntrain: \x07\n", "2:8: not valid YAML: the control character U+0007; remove it"},
		{"train:\n  epochs: 1\n lr: 0.1\n", "3:2: not valid YAML: the line is indented by 1; wanted 2 or 0, as a line above it"},
		{"name: @x\n", "1:7: not valid YAML: a value cannot begin with @; put it in quotes"},
		{"train:\n  lr: 1 batch: 2\n", `2:14: not valid YAML: a second "key:" in the line`},
		{"train: {lr: 1\n", "not valid YAML: did not find expected"},
	} {
		_, err := Parse("x.yaml", []byte(tt[0]))
		if err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%q: got %v, wanted ...%s...", tt[0], err, tt[1])
		}
	}
	if _, err := Parse("x.yaml", []byte("\uFEFFextends: quickstart\n")); err != nil {
		t.Errorf("a byte order mark: %v", err)
	}
}

// However long and wrong a config is, the errors are few, short, and there within the work of a second.
func TestManyMistakes(t *testing.T) {
	repeat := func(n int, f string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, f, i)
		}
		return b.String()
	}
	long := strings.Repeat("x", 1<<19)
	for text, want := range map[string]string{
		repeat(90_000, "key%d: 1\n"): "89953 more mistakes; mend those above first", // three required keys are missing, too
		repeat(200_000, "- %d\n"):    "a config: wanted a map",
		"train: {schedule: {milestones: [" + repeat(50_000, "%dit, ") + "]}}": "a list of 50000 items; wanted at most 1000",
		"quant: {layers: {" + repeat(10_000, "a%d: {}, ") + "}}":              "quant.layers: 10000 rules; wanted at most 1000",
		"quant:\n layers:\n  ? " + strings.Repeat("a|", 4000) + "b\n  : {}\n": "bytes; wanted at most 4096",
		"name: " + long + "<\n":                             "found the string \"xxx",
		long[:1000] + ": 1\n":                               "unexpected key \"xxx",
		"train: {lr: " + strings.Repeat("9", 1<<19) + "}\n": "found 999",
		"train: {lr: " + long + "}\n":                       "found the string \"xxx",
		"quant: {weights: {estimator: " + long + "}}\n":     "unknown value \"xxx",
		strings.Repeat("[", 1<<19):                          "not valid YAML: exceeded max depth",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "wanted a map",
		"name: &a [x]\ndescription: [*a, *a]\n":             "anchors and aliases are not supported",
	} {
		_, err := Parse("x.yaml", []byte(text))
		var list ErrorList
		if !errors.As(err, &list) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q...: got %.300v, wanted ...%s...", text, err, want)
			continue
		}
		if n := len(list); n > syntax.MaxFindings+1 || len(err.Error()) > 500*n {
			t.Errorf("%.40q...: %d mistakes in %d bytes", text, n, len(err.Error()))
		}
	}
	_, err := Load("quickstart", []string{"train.lr=" + long})
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("a long argument: %.300v", err)
	}
	dir := t.TempDir()
	list := filepath.Join(dir, "list.yaml")
	if err := os.WriteFile(list, []byte("extends: ["+repeat(5000, "%d.yaml, ")+"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(list, nil); err == nil || !strings.Contains(err.Error(), "wanted at most 1000") {
		t.Errorf("a long list of files: %v", err)
	}
}
