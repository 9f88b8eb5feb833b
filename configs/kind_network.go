package configs

import (
	"github.com/qat-go/qat/networks/read"
	"github.com/qat-go/qat/syntax"
)

// network is a network in YAML, a *read.Source; nil is none. The name of a file is a *syntax.Node, until the loader, which knows
// what it is relative to, reads it.
type network struct{}

const noNetwork = "none"

func (network) parse(n *syntax.Node) (any, error) {
	switch n.Kind {
	case syntax.String:
		if n.Text == noNetwork {
			return (*read.Source)(nil), nil
		}
		_, err := fileName.parse(n)
		return n, err
	case syntax.Map:
		errs := ErrorList{}
		s := read.Decode(n, &errs)
		if len(errs) > 0 {
			return nil, errs
		}
		return s, nil
	}
	return nil, errKind
}

func (network) format(v any) string {
	if s := v.(*read.Source); s != nil {
		return s.Flow()
	}
	return noNetwork
}

func (network) describe() string { return "a file, a network {nodes: [...]}, or " + noNetwork }

func (network) schema() map[string]any {
	return map[string]any{"anyOf": []any{fileName.schema(), read.Schema()}}
}

const networkPath = "model.network"

// network reads the file that src names as its network.
func (l *loader) network(doc *document, src source) {
	s, given := doc.values[networkPath]
	n, isFile := s.value.(*syntax.Node)
	if !given || !isFile {
		return
	}
	found := len(l.errs)
	s.value, s.bad = l.networkFile(src, n), len(l.errs) > found
	doc.values[networkPath] = s
}

func (l *loader) networkFile(src source, n *syntax.Node) *read.Source {
	file, err := src.base(n.Text, "network")
	if err != nil {
		l.report(n.Pos, "%s: %v", networkPath, err)
		return nil
	}
	content, err := file.read("network")
	if err != nil {
		l.report(Pos{File: file.name()}, "%v", err)
		return nil
	}
	at := func(line, column int) Pos { return Pos{File: file.name(), Line: line, Column: column} }
	return read.Decode(syntax.Parse(content, at, &l.errs), &l.errs)
}

// forgetNetwork drops what a network, or another architecture, of a later source replaces.
func (d *document) forgetNetwork(later *document) {
	_, network := later.values[networkPath]
	_, arch := later.values["model.arch"]
	switch {
	case network:
		for _, key := range archKeys {
			delete(d.values, key)
		}
	case arch:
		delete(d.values, networkPath)
	}
}
