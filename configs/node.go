package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// node is a YAML value as written, reduced to what configs use.
type node struct {
	pos     Pos
	kind    nodeKind
	text    string // scalars
	entries []entry
	items   []*node
}

// entry is one key of a map.
type entry struct {
	key   string
	pos   Pos
	value *node
}

type nodeKind int

const (
	badNode nodeKind = iota // already reported
	nullNode
	boolNode
	intNode
	floatNode
	oddNumberNode // a number to YAML, in a form that is easily misread
	stringNode
	mapNode
	listNode
)

// describe names the value for "found ..." in errors.
func (n *node) describe() string {
	switch n.kind {
	case nullNode:
		return "an empty value"
	case stringNode:
		return fmt.Sprintf("the string %q", shorten(n.text))
	case oddNumberNode:
		return fmt.Sprintf("%s (write numbers in plain decimal, without leading zeros, and finite)", shorten(n.text))
	case mapNode:
		return "a map"
	case listNode:
		return "a list"
	}
	return shorten(n.text)
}

// maxDepth is far above any config's nesting and far below what a stack holds.
const maxDepth = 64

// reader turns YAML text into nodes and collects what it cannot accept.
type reader struct {
	at   func(line, column int) Pos
	errs *ErrorList
}

// parse reads the single document in text. A document without content is an
// empty value; one that is not YAML is a badNode.
func (r reader) parse(text []byte) *node {
	bad := &node{pos: r.at(1, 1), kind: badNode}
	if m, found := badText(string(text)); found {
		r.errs.report(r.at(m.line, m.column), "not valid YAML: %s", m.message)
		return bad
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &node{pos: r.at(1, 1), kind: nullNode}
	case err != nil:
		r.syntaxError(string(text), err)
		return bad
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		r.errs.report(r.at(second.Line, second.Column), "a second YAML document; a config is one document")
	case !errors.Is(err, io.EOF):
		r.syntaxError(string(text), err)
		return bad
	}
	return r.convert(doc.Content[0], 0)
}

var yamlErrorLine = regexp.MustCompile(`^line (\d+): (.*)`)

// syntaxError reports yaml.v3's "yaml: line 3: message".
func (r reader) syntaxError(text string, err error) {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlErrorLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits by the pattern
		msg = m[2]
	}
	m := explain(text, line, msg)
	r.errs.report(r.at(m.line, m.column), "not valid YAML: %s", m.message)
}

func (r reader) convert(y *yaml.Node, depth int) *node {
	n := &node{pos: r.at(y.Line, y.Column), kind: badNode}
	switch {
	case depth > maxDepth:
		r.errs.report(n.pos, "nested deeper than %d levels", maxDepth)
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		r.errs.report(n.pos, `YAML anchors and aliases are not supported; share settings with "extends"`)
	case y.Style&yaml.TaggedStyle != 0:
		r.errs.report(n.pos, "YAML tags (%s) are not supported; write the plain value", y.Tag)
	case y.Kind == yaml.MappingNode:
		n.kind = mapNode
		r.addEntries(n, y.Content, depth)
	case y.Kind == yaml.SequenceNode:
		n.kind = listNode
		for _, c := range y.Content {
			n.items = append(n.items, r.convert(c, depth+1))
		}
	default:
		n.text = y.Value
		n.kind = scalarKind(y)
	}
	return n
}

func (r reader) addEntries(n *node, content []*yaml.Node, depth int) {
	seen := map[string]Pos{}
	for i := 0; i+1 < len(content); i += 2 {
		k := content[i]
		pos := r.at(k.Line, k.Column)
		first, twice := seen[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode || k.Value == "" || k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			r.errs.report(pos, "a key must be plain text")
		case k.Value == "<<":
			r.errs.report(pos, `YAML merge keys (<<) are not supported; share settings with "extends"`)
		case twice:
			r.errs.report(pos, "key %q is given twice; first at %v", shorten(k.Value), first)
		default:
			seen[k.Value] = pos
			value := r.convert(content[i+1], depth+1)
			if value.kind == nullNode {
				value.pos = pos // an absent value has no place of its own
			}
			n.entries = append(n.entries, entry{k.Value, pos, value})
		}
	}
}

var (
	intPattern   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	floatPattern = regexp.MustCompile(`^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
)

// scalarKind is stricter than YAML about numbers: 010 is octal to one parser
// and ten to another, .nan and 0x10 are slips in a config.
func scalarKind(y *yaml.Node) nodeKind {
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return stringNode
	}
	switch {
	case intPattern.MatchString(y.Value):
		return intNode
	case floatPattern.MatchString(y.Value):
		return floatNode
	case y.Value == "true" || y.Value == "false":
		return boolNode
	}
	switch y.ShortTag() {
	case "!!null":
		return nullNode
	case "!!int", "!!float":
		return oddNumberNode
	}
	return stringNode
}
