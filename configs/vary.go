package configs

import (
	"path"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// EmbeddedFile marks the path of a file inside the program, as places and errors show it.
const EmbeddedFile = "embedded:"

// Vary loads an experiment as [Load] does, but from another file: name is relative to the file near (of which
// [EmbeddedFile] marks an embedded one), or else embedded. settings are maps as a config has them, whose keys may be key paths
// such as train.lr; later ones win, and overrides over them. Files that settings name are relative to near, too.
func Vary(near string, name *syntax.Node, settings []*syntax.Node, overrides []string) (*Config, error) {
	l := newLoader()
	if name == nil {
		l.report(Pos{File: near}, "config: there is no name; wanted that of a config")
		return nil, l.errs
	}
	src := source{path: near}
	if inside, ok := strings.CutPrefix(near, EmbeddedFile); ok {
		src = source{embedded: true, path: path.Base(inside)}
	}
	file := name.Text
	if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" {
		file += ".yaml"
	}
	base, err := src.base(file, "config")
	if err != nil {
		l.report(name.Pos, "config: %v", err)
		return nil, l.errs
	}
	doc := l.load(base)
	for _, s := range settings {
		doc.merge(l.settings(src, s))
	}
	doc.merge(l.overrides(overrides))
	fileName := strings.TrimSuffix(path.Base(base.name()), path.Ext(base.name()))
	c := l.build(doc, name.Pos, strings.TrimPrefix(fileName, EmbeddedFile))
	if len(l.errs) > 0 {
		return nil, l.errs.Sorted()
	}
	return c, nil
}

// settings decodes a map whose keys may be key paths, each entry as if it stood alone.
func (l *loader) settings(src source, n *syntax.Node) *document {
	doc := newDocument()
	if n == nil || !l.isMap(n, "set", "as a config has, or key paths such as train.lr") {
		return doc
	}
	for _, e := range n.Entries {
		segments, err := parsePath(e.Key)
		switch {
		case err != nil:
			l.report(e.Pos, "%v", err)
			continue
		case segments[0] == "extends":
			l.report(e.Pos, `"extends" belongs in a config; name that by config`)
			continue
		}
		value := e.Value
		for i := len(segments) - 1; i >= 0; i-- {
			value = &syntax.Node{Pos: e.Pos, Kind: syntax.Map, Entries: []syntax.Entry{{Key: segments[i], Pos: e.Pos, Value: value}}}
		}
		own := l.decode(value)
		l.network(own, src)
		doc.merge(own)
	}
	l.expand(doc)
	return doc
}
