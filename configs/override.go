package configs

import (
	"fmt"
	"maps"
	"strings"

	"github.com/qat-go/qat/syntax"
)

// overrides decodes the arguments together.
func (l *loader) overrides(args []string) *document {
	doc, both := newDocument(), newDocument()
	for _, arg := range args {
		later := l.override(arg)
		doc.merge(later)
		maps.Copy(both.values, later.values)
	}
	l.either(both)
	l.expand(doc)
	return doc
}

// override decodes one key.path=value argument.
func (l *loader) override(arg string) *document {
	pos := Pos{Argument: arg}
	if m, found := syntax.BadText(arg); found {
		l.report(pos, "character %d: %s", m.Column, m.Message)
		return newDocument()
	}
	key, value, found := CutValue(arg)
	if !found {
		l.report(pos, "wanted key.path=value, such as train.lr=0.1")
		return newDocument()
	}
	segments, err := parsePath(key)
	if err != nil {
		l.report(pos, "%v", err)
		return newDocument()
	}
	if segments[0] == "extends" {
		l.report(pos, `"extends" belongs in a file`)
		return newDocument()
	}
	n := syntax.Parse([]byte(value), func(int, int) Pos { return pos }, &l.errs)
	for i := len(segments) - 1; i >= 0; i-- {
		n = &syntax.Node{Pos: pos, Kind: syntax.Map, Entries: []syntax.Entry{{Key: segments[i], Pos: pos, Value: n}}}
	}
	doc := l.decode(n)
	l.network(doc, source{})
	return doc
}

// CutValue splits key=value at the first "=" outside brackets, which globs of layers stand in.
func CutValue(arg string) (key, value string, found bool) {
	inside := false
	for i, r := range arg {
		switch {
		case r == '[':
			inside = true
		case r == ']':
			inside = false
		case r == '=' && !inside:
			return arg[:i], arg[i+1:], true
		}
	}
	return "", "", false
}

// parsePath splits a.b["c.d"].e, or a.b[c.d].e, into its keys. Inside quotes a
// bracket is text.
func parsePath(s string) ([]string, error) {
	var segments []string
	for rest := s; ; {
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		segments, rest = append(segments, rest[:end]), rest[end:]
		for strings.HasPrefix(rest, "[") {
			open, closing := "[", "]"
			if strings.HasPrefix(rest, `["`) {
				open, closing = `["`, `"]`
			}
			inner, after, ok := strings.Cut(rest[len(open):], closing)
			if !ok {
				return nil, fmt.Errorf("key path %q: %s without %s", syntax.Shorten(s), open, closing)
			}
			segments, rest = append(segments, inner), after
		}
		for _, seg := range segments {
			if seg == "" {
				return nil, fmt.Errorf("key path %q has an empty key; wanted keys joined by dots", syntax.Shorten(s))
			}
		}
		if rest == "" {
			return segments, nil
		}
		if rest[0] != '.' {
			return nil, fmt.Errorf("key path %q: wanted \".\" or the end after \"]\"", syntax.Shorten(s))
		}
		rest = rest[1:]
	}
}

// joinPath is the inverse of parsePath. The one place with free keys is
// quant.layers; they are always quoted.
func joinPath(segments []string) string {
	path := ""
	for _, seg := range segments {
		switch {
		case path == layersPath:
			path = rulePath(seg)
		case path == "":
			path = seg
		default:
			path += "." + seg
		}
	}
	return path
}

const layersPath = "quant.layers"

func rulePath(pattern string) string { return layersPath + `["` + pattern + `"]` }
