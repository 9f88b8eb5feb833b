package configs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/qat-go/qat/networks"
)

var update = flag.Bool("update", false, "rewrite golden files and docs/config.md")

const docsPath = "../docs/config.md"

const docsIntro = `<!-- Generated from the table in configs/table.go: go test ./configs -run TestDocs -update -->

# Config reference

A config is one YAML file. It is read strictly: an unknown key, a wrong type or
an impossible value is an error with its line and column, all of them at once.

- **Inheritance.** ` + "`extends: base.yaml`" + ` or a list of files, relative to this one or
  embedded. Maps merge, later wins, lists replace. A key that may stand in place of
  another, such as ` + "`train.steps`" + ` of ` + "`train.epochs`" + `, replaces that of an earlier file.
- **Overrides.** Bare arguments ` + "`key.path=value`" + ` win over files, and later ones over
  earlier ones: ` + "`train.lr=0.1`" + `, ` + "`train.schedule.milestones=[5ep,8ep]`" + `. The glob of a
  per-layer rule stands in brackets, quoted if it has brackets itself:
  ` + "`'quant.layers[layer3.*|linear].weights.bits=2'`" + `.
- **Numbers** are plain decimal (010, 0x10 and .nan are errors), an empty value is
  an error, and what stays in floating point is written ` + "`fp`" + `.
- **Durations** carry their unit: ` + "`5ep`" + ` epochs, ` + "`2000it`" + ` steps, ` + "`10%`" + ` of the run.
- **Rules** in ` + "`quant.layers`" + ` give the keys that differ in some layers. Globs are
  matched against whole layer names: ` + "`*`" + ` any characters, ` + "`?`" + ` one, ` + "`[ab]`" + ` a set, ` + "`|`" + `
  between alternatives. Every alternative must match a layer. Rules win over
  ` + "`quant.first_last`" + `. Where several match, each key comes from the most specific
  rule that sets it: an exact name beats a glob, then more literal characters
  win, then the later rule. A rule repeated in a later file or argument merges
  with the earlier one and counts as the later.
- YAML anchors, aliases, tags and merge keys are not supported; use ` + "`extends`" + `.

` + "`qat config print CONFIG`" + ` shows every value with its origin, ` + "`qat config schema`" + `
prints a JSON Schema for editors.

## Embedded configs

| name | description |
|---|---|
`

func docs() string {
	var b strings.Builder
	b.WriteString(docsIntro)
	for _, e := range Names() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", e.Name, e.Description)
	}
	var top []field
	for _, f := range table() {
		if f.kind != nil {
			top = append(top, f)
		}
	}
	docsSection(&b, "", "", top)
	for _, f := range table() {
		if f.kind == nil {
			docsSection(&b, f.key, f.doc, f.fields)
		}
	}
	docsArchitectures(&b)
	b.WriteString("\n## Known, not built yet\n\nThese names are recognised and rejected, never ignored.\n\n| key | names |\n|---|---|\n")
	docsUnbuilt(&b, table(), "")
	return b.String()
}

// docsArchitectures lists the zoo with the keys that each network has.
func docsArchitectures(b *strings.Builder) {
	b.WriteString("\n## Architectures\n\nWhat `model.arch` names, with its paper's images and classes; images of another size are taken too, where each layer has\nat least a pixel. Of `model.block`, `model.shortcut` and `model.form`, the first value is the architecture's own.\n`qat config check` prints the layers, and says what cannot be trained yet.\n\n| `model.arch` | network | images | classes | keys |\n|---|---|---|---|---|\n")
	for _, a := range networks.Archs() {
		var keys []string
		key := func(name string, values []string) {
			if len(values) > 0 {
				keys = append(keys, fmt.Sprintf("`%s`: %s", name, strings.Join(values, ", ")))
			}
		}
		key("block", stringsOf(a.Blocks))
		key("shortcut", stringsOf(a.Shortcuts))
		key("form", stringsOf(a.Forms))
		if a.Widths {
			keys = append(keys, "`width`")
		}
		fmt.Fprintf(b, "| `%s` | %s | %v | %d | %s |\n", a.Name, a.Doc, a.Input, a.Classes, strings.Join(keys, "; "))
	}
}

func docsSection(b *strings.Builder, path, doc string, fields []field) {
	title := "Top level"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if doc != "" {
		b.WriteString(doc + "\n\n")
	}
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	docsRows(b, path, fields)
}

func docsRows(b *strings.Builder, path string, fields []field) {
	cell := strings.NewReplacer("|", `\|`)
	for _, f := range fields {
		p := subPath(path, f.key)
		switch {
		case f.each != nil:
			fmt.Fprintf(b, "| `%s` | a map from globs to rules | `{}` | %s |\n", p, cell.Replace(f.doc))
			for _, e := range f.each {
				fmt.Fprintf(b, "| `%s[GLOB].%s` | a map | | %s |\n", p, e.key, cell.Replace(e.doc))
			}
		case f.fields != nil:
			fmt.Fprintf(b, "| **`%s`** | | | %s |\n", p, cell.Replace(f.doc))
			docsRows(b, p, f.fields)
		default:
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p, cell.Replace(f.kind.describe()), docsDefault(f), cell.Replace(f.doc))
			if k, ok := f.kind.(stages); ok {
				docsStage(b, p, k.fields)
			}
		}
	}
}

// docsStage lists the keys of a stage.
func docsStage(b *strings.Builder, path string, fields []field) {
	for _, f := range fields {
		p := fmt.Sprintf("%s[N].%s", path, f.key)
		if f.stage == nil {
			fmt.Fprintf(b, "| `%s` | | | %s |\n", p, f.doc)
			continue
		}
		def := ""
		if f.def != nil {
			def = docsDefault(f)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", p, strings.ReplaceAll(f.kind.describe(), "|", `\|`), def, f.doc)
	}
}

func docsDefault(f field) string {
	switch {
	case f.other != "":
		return "this or `" + f.other + "`"
	case f.def == nil:
		return "required"
	case f.def == "" || f.at == nil && f.stage == nil:
		return ""
	}
	return "`" + f.kind.format(f.def) + "`"
}

func docsUnbuilt(b *strings.Builder, fields []field, path string) {
	for _, f := range fields {
		p := subPath(path, f.key)
		if f.fields != nil {
			docsUnbuilt(b, f.fields, p)
			continue
		}
		if k, ok := f.kind.(interface{ unbuiltNames() []string }); ok && len(k.unbuiltNames()) > 0 {
			fmt.Fprintf(b, "| `%s` | %s |\n", p, strings.Join(k.unbuiltNames(), ", "))
		}
	}
}

func (k enum[T]) unbuiltNames() []string { return stringsOf(k.unbuilt) }

func (k list[T]) unbuiltNames() []string {
	if item, ok := k.item.(interface{ unbuiltNames() []string }); ok {
		return item.unbuiltNames()
	}
	return nil
}

func TestDocs(t *testing.T) {
	golden(t, docsPath, docs())
}

// golden compares got with a file, or rewrites the file under -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ReplaceAll(string(want), "\r\n", "\n") != got {
		t.Errorf("%s differs; if the change is meant, run with -update.\ngot:\n%s", path, got)
	}
}
