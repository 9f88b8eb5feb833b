// Package graph builds one Gorgonia expression graph out of our own operations:
// unique names, checked shapes, one gradient call, errors instead of panics.
//
// An operation is described by an [Op] value; [Builder.Apply] turns it into a
// node. The same graph runs on internal/machine and, as the oracle in tests,
// on Gorgonia's tape machine.
package graph

import (
	"errors"
	"fmt"

	_ "go4.org/unsafe/assume-no-moving-gc" // without this version every binary that links Gorgonia panics at start-up
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Builder owns one expression graph. Its first error sticks: later calls
// return nil nodes, and Err reports it.
type Builder struct {
	g      *G.ExprGraph
	nextID uint64
	names  map[string]bool
	params []*G.Node
	graded bool
	err    error
}

// New returns an empty builder.
func New() *Builder {
	return &Builder{g: G.NewGraph(), names: map[string]bool{}}
}

// On returns a builder over a graph that has other nodes, too. number tells its operations from those of other builders of
// the graph.
func On(g *G.ExprGraph, number uint64) *Builder {
	return &Builder{g: g, nextID: number << 32, names: map[string]bool{}}
}

// Graph returns the expression graph.
func (b *Builder) Graph() *G.ExprGraph { return b.g }

// Err returns the first error of any call.
func (b *Builder) Err() error { return b.err }

// Params returns the learnable inputs in order of creation.
func (b *Builder) Params() []*G.Node { return b.params }

// Fail makes err the first error, unless there is one, and returns the node of what failed.
func (b *Builder) Fail(err error) *G.Node {
	if b.err == nil {
		b.err = err
	}
	return nil
}

// Param adds a learnable input bound to v.
func (b *Builder) Param(name string, v *tensor.Dense) *G.Node {
	n := b.Input(name, v)
	if n != nil {
		b.params = append(b.params, n)
	}
	return n
}

// Input adds an input bound to v. Gorgonia merges inputs of one name without a
// word, so a name may be used once.
func (b *Builder) Input(name string, v *tensor.Dense) (n *G.Node) {
	if b.err != nil {
		return nil
	}
	if b.names[name] || name == "" {
		return b.Fail(fmt.Errorf("graph: input %q: names must be unique and not empty", name))
	}
	b.names[name] = true
	defer func() {
		if r := recover(); r != nil {
			n = b.Fail(fmt.Errorf("graph: input %q: %v", name, r))
		}
	}()
	n = G.NewTensor(b.g, v.Dtype(), v.Dims(), G.WithShape(v.Shape()...), G.WithName(name), G.WithValue(v))
	if n.Value() != G.Value(v) {
		return b.Fail(fmt.Errorf("graph: input %q: Gorgonia bound another value", name))
	}
	return n
}

// Apply adds a node that computes op on the children.
func (b *Builder) Apply(op Op, children ...*G.Node) (n *G.Node) {
	if b.err != nil {
		return nil
	}
	b.nextID++
	node := &opNode{Op: op, id: b.nextID, b: b}
	defer func() {
		if r := recover(); r != nil {
			n = b.Fail(fmt.Errorf("%s: %v", node, r))
		}
	}()
	if err := node.check(children); err != nil {
		return b.Fail(err)
	}
	n, err := G.ApplyOp(node, children...)
	if err != nil {
		return b.Fail(fmt.Errorf("%s: %w", node, err))
	}
	if n.Op() != G.Op(node) {
		return b.Fail(fmt.Errorf("%s: Gorgonia merged the node with another", node))
	}
	return n
}

// Aux returns a node that reads the k-th auxiliary output of the node of.
func (b *Builder) Aux(of *G.Node, k int) *G.Node {
	if b.err != nil {
		return nil
	}
	src, ok := of.Op().(*opNode)
	if !ok || k >= len(src.auxSpec) {
		return b.Fail(fmt.Errorf("graph: node %v has no auxiliary output %d", of, k))
	}
	spec := src.auxSpec[k]
	n := b.Apply(Op{
		Name: "aux", Layer: src.Layer, Attrs: fmt.Sprint(k),
		In:    []Arg{{Dtype: of.Dtype(), Rank: len(of.Shape())}},
		Out:   Arg{Dtype: spec.Dtype, Rank: len(spec.Shape)},
		Shape: func([]tensor.Shape) (tensor.Shape, error) { return spec.Shape, nil },
		Forward: func(c *Call) error {
			return tensor.Copy(c.Out.(*tensor.Dense), src.aux[k])
		},
	}, of)
	if n != nil {
		n.Op().(*opNode).proj = &projection{src, k}
	}
	return n
}

// Grad adds the gradient of loss for each of the nodes wrt and returns the
// gradient nodes in their order. A graph can be differentiated once: Gorgonia
// gets a second gradient wrong without a word.
func (b *Builder) Grad(loss *G.Node, wrt ...*G.Node) (grads []*G.Node, err error) {
	if b.err != nil {
		return nil, b.err
	}
	if b.graded {
		return nil, errors.New("graph: the graph is differentiated already; add the losses up and differentiate once")
	}
	b.graded = true
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("graph: gradient: %v", r)
		}
	}()
	grads, err = G.Grad(loss, wrt...)
	if b.err != nil {
		return nil, b.err
	}
	if err != nil {
		return nil, fmt.Errorf("graph: gradient: %w", err)
	}
	for i, n := range grads {
		if !n.Shape().Eq(wrt[i].Shape()) {
			return nil, fmt.Errorf("graph: gradient of %s has shape %v, want %v", wrt[i].Name(), n.Shape(), wrt[i].Shape())
		}
	}
	return grads, nil
}
