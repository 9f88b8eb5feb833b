package read

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
)

var update = flag.Bool("update", false, "rewrite docs/networks.md")

// The reference has each operation with its attributes, and the embedded models as they are.
func TestDocs(t *testing.T) {
	const path = "../../docs/networks.md"
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(old)
	for section, content := range map[string]string{"operations": operationsTable(), "models": models(t)} {
		begin := "<!-- " + section + " -->\n"
		before, after, found := strings.Cut(text, begin)
		_, after, ended := strings.Cut(after, "<!-- end -->")
		if !found || !ended {
			t.Fatalf("%s has no section %s", path, section)
		}
		text = before + begin + content + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if text != string(old) {
		t.Errorf("%s is not what the package says; go test ./networks/read -update writes it", path)
	}
}

func operationsTable() string {
	var b strings.Builder
	b.WriteString("| operation | what it is | attribute | meaning | default |\n|---|---|---|---|---|\n")
	for _, op := range networks.Ops() {
		o := operations[op.Kind()]
		row := fmt.Sprintf("| `%s` | %s |", op.Kind(), o.doc)
		for _, a := range o.attributes {
			def := ""
			if a.def != "" {
				def = "`" + a.def + "`"
			}
			fmt.Fprintf(&b, "%s `%s` | %s | %s |\n", row, a.key, a.doc, def)
			row = "| | |"
		}
		if len(o.attributes) == 0 {
			b.WriteString(row + " | | |\n")
		}
	}
	return b.String()
}

func models(t *testing.T) string {
	var b strings.Builder
	files, err := filepath.Glob("../../configs/networks/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d models, error %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(f, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range []networks.Shape{cifar, {H: 64, W: 48, C: 1}} {
			if _, err := s.Build(in, 7); err != nil {
				t.Errorf("%s for %v: %v", f, in, err)
			}
		}
		fmt.Fprintf(&b, "`networks/%s`:\n\n```yaml\n%s```\n\n", filepath.Base(f), text)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// The examples of the reference are networks.
func TestDocsExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/networks.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(block, "extends:"):
			continue // a config
		case !strings.Contains(block, "linear:"): // a part
			block = "nodes:\n" + block + "  - global_average_pool\n  - linear: {out: classes}\n"
		}
		build(t, block)
		examples++
	}
	if examples != 5 {
		t.Errorf("%d examples; is the test blind?", examples)
	}
}
