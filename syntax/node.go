// Package syntax reads YAML into values that know their places, and collects what is wrong with them. It is stricter than YAML:
// no anchors, tags or merge keys, each key once, numbers in plain decimal.
package syntax

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

// Node is a YAML value as written, reduced to what qat reads.
type Node struct {
	Pos     Pos
	Kind    Kind
	Text    string // scalars
	Entries []Entry
	Items   []*Node
}

// Entry is one key of a map.
type Entry struct {
	Key   string
	Pos   Pos
	Value *Node
}

// Kind is what a value is to YAML.
type Kind int

// The kinds.
const (
	Bad Kind = iota // already reported
	Null
	Bool
	Int
	Float
	OddNumber // a number to YAML, in a form that is easily misread
	String
	Map
	List
)

// Describe names the value for "found ..." in errors.
func (n *Node) Describe() string {
	switch n.Kind {
	case Null:
		return "an empty value"
	case String:
		return fmt.Sprintf("the string %q", Shorten(n.Text))
	case OddNumber:
		return fmt.Sprintf("%s (write numbers in plain decimal, without leading zeros, and finite)", Shorten(n.Text))
	case Map:
		return "a map"
	case List:
		return "a list"
	}
	return Shorten(n.Text)
}

// maxDepth is far above any config's nesting and far below what a stack holds.
const maxDepth = 64

// reader turns YAML text into nodes and collects what it cannot accept.
type reader struct {
	at   func(line, column int) Pos
	errs *ErrorList
}

// Parse reads the single document in text; at is the place of what stands at a line and a column. What cannot be accepted ends
// up in errs. A document without content is an empty value, one that is not YAML is [Bad].
func Parse(text []byte, at func(line, column int) Pos, errs *ErrorList) *Node {
	if at == nil {
		at = func(line, column int) Pos { return Pos{Line: line, Column: column} }
	}
	if errs == nil {
		errs = &ErrorList{}
	}
	return reader{at, errs}.parse(text)
}

func (r reader) parse(text []byte) *Node {
	bad := &Node{Pos: r.at(1, 1), Kind: Bad}
	if m, found := BadText(string(text)); found {
		r.errs.Report(r.at(m.Line, m.Column), "not valid YAML: %s", m.Message)
		return bad
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &Node{Pos: r.at(1, 1), Kind: Null}
	case err != nil:
		r.syntaxError(string(text), err)
		return bad
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		r.errs.Report(r.at(second.Line, second.Column), "a second YAML document; a file holds one")
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
	r.errs.Report(r.at(m.Line, m.Column), "not valid YAML: %s", m.Message)
}

func (r reader) convert(y *yaml.Node, depth int) *Node {
	n := &Node{Pos: r.at(y.Line, y.Column), Kind: Bad}
	switch {
	case depth > maxDepth:
		r.errs.Report(n.Pos, "nested deeper than %d levels", maxDepth)
	case y.Kind == yaml.AliasNode || y.Anchor != "":
		r.errs.Report(n.Pos, `YAML anchors and aliases are not supported; share settings with "extends"`)
	case y.Style&yaml.TaggedStyle != 0:
		r.errs.Report(n.Pos, "YAML tags (%s) are not supported; write the plain value", y.Tag)
	case y.Kind == yaml.MappingNode:
		n.Kind = Map
		r.addEntries(n, y.Content, depth)
	case y.Kind == yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			n.Items = append(n.Items, r.convert(c, depth+1))
		}
	default:
		n.Text = y.Value
		n.Kind = scalarKind(y)
	}
	return n
}

func (r reader) addEntries(n *Node, content []*yaml.Node, depth int) {
	seen := map[string]Pos{}
	for i := 0; i+1 < len(content); i += 2 {
		k := content[i]
		pos := r.at(k.Line, k.Column)
		first, twice := seen[k.Value]
		switch {
		case k.Kind != yaml.ScalarNode || k.Value == "" || k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			r.errs.Report(pos, "a key must be plain text")
		case k.Value == "<<":
			r.errs.Report(pos, `YAML merge keys (<<) are not supported; share settings with "extends"`)
		case twice:
			r.errs.Report(pos, "key %q is given twice; first at %v", Shorten(k.Value), first)
		default:
			seen[k.Value] = pos
			value := r.convert(content[i+1], depth+1)
			if value.Kind == Null {
				value.Pos = pos // an absent value has no place of its own
			}
			n.Entries = append(n.Entries, Entry{k.Value, pos, value})
		}
	}
}

var (
	intPattern   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	floatPattern = regexp.MustCompile(`^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
)

// scalarKind is stricter than YAML about numbers: 010 is octal to one parser
// and ten to another, .nan and 0x10 are slips in a config.
func scalarKind(y *yaml.Node) Kind {
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return String
	}
	switch {
	case intPattern.MatchString(y.Value):
		return Int
	case floatPattern.MatchString(y.Value):
		return Float
	case y.Value == "true" || y.Value == "false":
		return Bool
	}
	switch y.ShortTag() {
	case "!!null":
		return Null
	case "!!int", "!!float":
		return OddNumber
	}
	return String
}
