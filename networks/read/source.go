// Package read reads networks from YAML: nodes in order, each an operation in the field's words, with a name and the names of
// what it reads. docs/networks.md is the reference.
package read

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/qat-go/qat/networks"
	"github.com/qat-go/qat/syntax"
)

// Source is a network as YAML has it, for images of any size and any number of classes.
type Source struct {
	root    *syntax.Node
	input   *networks.Shape // nil: any
	inputAt syntax.Pos
	nodes   []node
}

// node is one of the network's, repeats written out.
type node struct {
	name       string
	from       []string
	kind       networks.Kind
	attributes attributes
	pos, froms syntax.Pos
}

// Parse reads a network; name is what errors call the file. Whatever is wrong, the error is a [syntax.ErrorList].
func Parse(name string, text []byte) (*Source, error) {
	var errs syntax.ErrorList
	s := Decode(syntax.Parse(text, func(line, column int) syntax.Pos { return syntax.Pos{File: name, Line: line, Column: column} }, &errs), &errs)
	if len(errs) > 0 {
		return nil, errs.Sorted()
	}
	return s, nil
}

const topKeys = "nodes, input"

// Decode reads a network from YAML; what is wrong ends up in errs.
func Decode(root *syntax.Node, errs *syntax.ErrorList) *Source {
	if root == nil {
		root = &syntax.Node{Kind: syntax.Null}
	}
	if errs == nil {
		errs = &syntax.ErrorList{}
	}
	s := &Source{root: root}
	d := &decoder{Source: s, errs: errs, names: map[string]syntax.Pos{}, counts: map[networks.Kind]int{}, previous: networks.Input}
	if root.Kind != syntax.Map {
		d.report(root, "a network: wanted a map with keys %s; found %s", topKeys, root.Describe())
		return s
	}
	found, given := len(*errs), slices.ContainsFunc(root.Entries, func(e syntax.Entry) bool { return e.Key == "nodes" })
	for _, e := range root.Entries {
		switch e.Key {
		case "nodes":
			d.list(e.Value, scope{})
		case "input":
			s.inputAt = e.Value.Pos
			in := &networks.Shape{}
			if why := several(e.Value, scope{}, "[height, width, channels], whole numbers from 1 to 65536", 1, &in.H, &in.W, &in.C); why != "" {
				d.report(e.Value, "input: wanted %s; found %s", why, e.Value.Describe())
			}
			s.input = in
		default:
			hint := d.suggest(e.Key, strings.Split(topKeys, ", "))
			if !given && hint == "" {
				d.errs.Report(e.Pos, "unexpected key %q: this is no network, which has the keys %s", syntax.Shorten(e.Key), topKeys)
				return s
			}
			d.errs.Report(e.Pos, "unexpected key %q%s; allowed: %s", syntax.Shorten(e.Key), hint, topKeys)
		}
	}
	switch {
	case len(*errs) > found:
	case !given:
		d.report(root, "nodes is missing; wanted a list of nodes")
	default:
		d.readers()
	}
	return s
}

// Lines is the network in YAML that [Decode] reads, a node a line, without comments.
func (s *Source) Lines() (lines []string) {
	if s.root == nil {
		return nil
	}
	for _, e := range s.root.Entries {
		if e.Key != "nodes" {
			lines = append(lines, e.Key+": "+e.Value.Flow())
			continue
		}
		lines = append(append(lines, e.Key+":"), nodeLines(e.Value, "  ")...)
	}
	return lines
}

// nodeLines are those of a list of nodes.
func nodeLines(list *syntax.Node, indent string) (lines []string) {
	for _, n := range list.Items {
		if n.Kind != syntax.Map || len(n.Entries) == 0 || n.Entries[0].Key != "repeat" {
			lines = append(lines, indent+"- "+n.Flow())
			continue
		}
		lines = append(lines, indent+"- repeat:")
		for _, e := range n.Entries[0].Value.Entries {
			if e.Key != "nodes" {
				lines = append(lines, indent+"    "+e.Key+": "+e.Value.Flow())
				continue
			}
			lines = append(append(lines, indent+"    nodes:"), nodeLines(e.Value, indent+"      ")...)
		}
	}
	return lines
}

// Flow is [Source.Lines] on one line.
func (s *Source) Flow() string {
	if s.root == nil {
		return "{}"
	}
	return s.root.Flow()
}

// Limits of a network, far above any that trains here, so that a hostile one ends with its first step over them.
const (
	maxNodes  = 1000
	maxReads  = 10_000  // names of nodes that nodes read
	maxValues = 1 << 31 // learned or otherwise held by the network, or given by a node
	maxMACs   = 1e15
)

// Build returns the network for images of a shape and a number of classes. Whatever does not fit, the error is a
// [syntax.ErrorList].
func (s *Source) Build(in networks.Shape, classes int) (*networks.Network, error) {
	if s == nil {
		return nil, errors.New("there is no network; want one of Parse")
	}
	var errs syntax.ErrorList
	if s.input != nil && *s.input != in {
		errs.Report(s.inputAt, "input is %v, and the images are %v; wanted those of the data set, or no input", *s.input, in)
		return nil, errs
	}
	if len(s.nodes) == 0 { // of a Source that Decode found mistakes in, or none made
		return nil, syntax.ErrorList{{Message: "the network has no nodes"}}
	}
	net := &networks.Network{Input: in}
	shapes := map[string]networks.Shape{networks.Input: in}
	var held, macs float64
	for _, n := range s.nodes {
		var reads []networks.Shape
		for _, name := range n.from {
			if shape, ok := shapes[name]; ok {
				reads = append(reads, shape)
			}
		}
		op := n.at(reads, classes)
		net.Add(n.name, op, n.from...)
		if len(reads) < len(n.from) {
			continue // what it reads has a mistake
		}
		shape, err := op.Shape(reads)
		if err != nil {
			input := ""
			if !strings.Contains(err.Error(), reads[0].String()) {
				input = fmt.Sprintf("; input %v", reads[0])
			}
			errs.Report(n.pos, "%s %q: %v%s", n.kind, n.name, err, input)
			continue
		}
		for _, a := range op.Arrays(reads) {
			size := 1.0
			for _, d := range a.Shape {
				size *= float64(d)
			}
			held += size
		}
		if held > maxValues || float64(shape.H)*float64(shape.W)*float64(shape.C) > maxValues {
			errs.Report(n.pos, "%s %q: with it the network holds %.3g values, and its output is %v; wanted at most %d values in each", n.kind, n.name, held, shape, maxValues)
			break
		}
		if macs += float64(op.MACs(reads)); macs > maxMACs {
			errs.Report(n.pos, "%s %q: with it the network multiplies %.3g times; wanted at most %.0g", n.kind, n.name, macs, float64(maxMACs))
			break
		}
		shapes[n.name] = shape
	}
	if last := s.nodes[len(s.nodes)-1]; len(errs) == 0 && shapes[last.name] != (networks.Shape{H: 1, W: 1, C: classes}) {
		errs.Report(last.pos, "%s %q: the network ends with %v; wanted 1x1x%d, a value for each class, such as linear: {out: classes}", last.kind, last.name, shapes[last.name], classes)
	}
	if len(errs) > 0 {
		return nil, errs.Sorted()
	}
	_, err := net.Shapes()
	return net, err
}

// readers reports nodes that nothing reads, but for the last.
func (d *decoder) readers() {
	read := map[string]bool{}
	for _, n := range d.nodes {
		for _, from := range n.from {
			read[from] = true
		}
	}
	for i, n := range d.nodes {
		if i < len(d.nodes)-1 && !read[n.name] {
			d.errs.Report(n.pos, "%s %q: no node reads it; name it in the from of one, or remove it", n.kind, n.name)
		}
	}
}

// report reports a mistake of a value, unless what YAML it is was one.
func (d *decoder) report(n *syntax.Node, format string, args ...any) {
	if n.Kind != syntax.Bad {
		d.errs.Report(n.Pos, format, args...)
	}
}
