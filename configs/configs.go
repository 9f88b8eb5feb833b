// Package configs reads YAML experiments into a typed, validated Config.
//
// Most callers want [Load]. One table (table.go) lists every key with its type,
// default, range and meaning; decoding, validation, defaults, the JSON Schema
// and docs/config.md all come from it. Reading is strict: an unknown key, a
// wrong type or an impossible value is an error with its place in the file, and
// all errors are reported at once.
package configs

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/qat-go/qat/syntax"
)

//go:embed *.yaml _base/*.yaml networks/*.yaml
var embedded embed.FS

// Entry is one embedded experiment.
type Entry struct {
	Name        string `json:"name"`        // what Load takes
	Description string `json:"description"` // one line
}

// Names lists the embedded experiments in alphabetical order.
func Names() []Entry {
	var entries []Entry
	for _, name := range embeddedNames() {
		l := newLoader()
		c := l.config(source{embedded: true, path: name + ".yaml"}, nil)
		entries = append(entries, Entry{Name: name, Description: c.Description})
	}
	return entries
}

// NetworkNames lists the embedded networks, as model.network names them, in alphabetical order.
func NetworkNames() []string {
	files, err := fs.Glob(embedded, "networks/*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	return files
}

// NetworkText returns an embedded network as its file has it, by its name with or without folder and ".yaml".
func NetworkText(name string) ([]byte, error) {
	for _, file := range NetworkNames() {
		if base := path.Base(file); name == file || name == base || name == strings.TrimSuffix(base, ".yaml") {
			return embedded.ReadFile(file)
		}
	}
	return nil, fmt.Errorf("no embedded network %q; there are %s", syntax.Shorten(name), strings.Join(NetworkNames(), ", "))
}

func embeddedNames() []string {
	files, err := fs.Glob(embedded, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files
}

// Load reads an experiment: a file, or an embedded experiment by its name with
// or without ".yaml". A path in a folder named configs that does not exist
// (configs/quickstart.yaml) means the embedded experiment of that name.
//
// Each override is a bare key.path=value whose value is YAML and wins over the
// files; later overrides win. The glob of a per-layer rule stands in brackets:
// quant.layers["layer3.*|linear"].weights.bits=2, quotes optional unless the
// glob contains a bracket.
//
// A file inherits with "extends: base.yaml" or a list, relative to the file or
// else embedded: maps merge, later wins, lists replace.
//
// Whatever is wrong, the error is an [ErrorList] with all findings.
func Load(nameOrPath string, overrides []string) (*Config, error) {
	l := newLoader()
	src, err := locate(nameOrPath)
	if err != nil {
		l.report(Pos{File: filepath.ToSlash(nameOrPath)}, "%v", err)
		return nil, l.errs
	}
	c := l.config(src, overrides)
	if len(l.errs) > 0 {
		return nil, l.errs.Sorted()
	}
	return c, nil
}

// config loads, merges and checks src; what is wrong ends up in l.errs.
func (l *loader) config(src source, overrides []string) *Config {
	doc := l.load(src)
	doc.merge(l.overrides(overrides))
	base := strings.TrimSuffix(path.Base(src.name()), path.Ext(src.name()))
	return l.build(doc, Pos{File: src.name(), Line: 1, Column: 1}, strings.TrimPrefix(base, EmbeddedFile))
}
