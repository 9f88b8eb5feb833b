package layers

import (
	"slices"

	G "gorgonia.org/gorgonia"

	"github.com/qat-go/qat/internal/graph"
)

// recompute: what follows from the input of a batch norm, which its gradient reads, is not kept for other gradients.
var recompute = rewrite{"recompute", "batch norm, and add and relu behind it, are computed again in the backward pass where gradients read them", func(p *plan, s *step) bool {
	s.again = p.c.Train && p.followsFromKept(s) && p.gradientsRecompute(s)
	return s.again
}}

// followsFromKept tells that s can be computed from values that the backward pass has in any case.
func (p *plan) followsFromKept(s *step) bool {
	switch s.op.(type) {
	case batchNormOp:
		return true
	case reluOp:
		return p.followsFromKept(s.in[0])
	case addOp:
		a, b := s.in[0], s.in[1]
		return p.followsFromKept(a) && (p.followsFromKept(b) || p.keptByQuantizer(b)) || p.followsFromKept(b) && p.keptByQuantizer(a)
	}
	return false
}

// keptByQuantizer tells that the gradient of a quantizer reads the value of s.
func (p *plan) keptByQuantizer(s *step) bool {
	return !s.givesCodes(p.c) && slices.ContainsFunc(p.steps, func(r *step) bool { return quantizesFloats(r) && r.in[0] == s })
}

// quantizesFloats tells that s is a quantizer with kernels of a value that is kept, or recomputed.
func quantizesFloats(s *step) bool {
	o, ok := s.op.(quantizeOp)
	return ok && o.q.plain()
}

// gradientsRecompute tells that nothing keeps the value of s where it can be recomputed.
func (p *plan) gradientsRecompute(s *step) bool {
	return !s.kept && !slices.ContainsFunc(p.steps, func(r *step) bool {
		_, ok := r.op.(recomputer)
		return !ok && slices.Contains(r.in, s) && !quantizesFloats(r)
	})
}

// recomputer is an operation whose gradient reads no value of what comes before, or one that is computed again ([Value].again).
type recomputer interface {
	operation
	recomputes()
}

// recomputed is a value of the forward pass that is computed again, once, in the backward pass. A nil one is kept.
type recomputed struct {
	with func(dout *G.Node) *G.Node // when dout is there, and not before
	node *G.Node
}

// or returns the value for a gradient that reads dout: kept, if it is not to be recomputed.
func (r *recomputed) or(kept, dout *G.Node) *G.Node {
	if r == nil {
		return kept
	}
	if r.node == nil {
		r.node = r.with(dout)
	}
	return r.node
}

// after makes op, which has no gradient, wait for a node that it does not read.
func after(op graph.Op, in []*G.Node, wait *G.Node) (graph.Op, []*G.Node) {
	op.Wrt, op.Gradient = nil, nil
	op.OrderOnly = append(make([]bool, len(in)), true)
	op.In = append(slices.Clone(op.In), pictures(wait.Dims()))
	return op, append(slices.Clone(in), wait)
}
