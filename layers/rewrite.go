package layers

import "slices"

// rewrite puts steps of a plan that stand one after the other into one.
type rewrite struct {
	name string
	doc  string // what becomes what
	// at changes s, and what it reads, if the rewrite matches there.
	at func(p *plan, s *step) bool
}

// arithmetic are the rewrites that say what is computed: they change bits, and are always on. Evaluation follows the
// arithmetic of the integer network (docs/arithmetic.md) where training divides: a convolution's sum becomes a code by
// one multiplier, and a residual sum is done on the output's scale. The two differ by float rounding, which flips a few
// codes in a million.
var arithmetic = []rewrite{moveCodes, absorbReLU, absorbReLU6, foldBatchNorm, foldConv, foldedQuantize, addCodes, averageCodes, averageWindowCodes, lookup, foldLinear}

// methods are the rewrites of quantizers that have no kernels of their own: they compute the same but for rounding.
var methods = []rewrite{batchNormStaircase, staircase, requantizeByTable, binnedState}

// fusions compute the same bits in fewer walks over memory: what lies between is computed again in the backward pass
// instead of kept.
var fusions = []rewrite{residualSum, batchNormQuantize, requantize, recompute}

// rewrites lists all, in the order in which they apply.
func rewrites() []rewrite { return slices.Concat(arithmetic, fusions, methods) }

// rewrite applies all rewrites that are on, each to all steps in order.
func (p *plan) rewrite() {
	for _, r := range rewrites() {
		if p.c.off[r.name] {
			continue
		}
		for _, s := range slices.Clone(p.steps) {
			if slices.Contains(p.steps, s) {
				r.at(p, s)
			}
		}
	}
}

// alone returns the operation of s, if it is a T and one step alone reads s.
func alone[T operation](p *plan, s *step) (op T, ok bool) {
	op, ok = s.op.(T)
	return op, ok && !s.kept && p.readers(s) == 1
}

// beforeReLU returns what s reads or, if that is a ReLU that s alone reads, what the ReLU reads, and the ReLU.
func (p *plan) beforeReLU(s *step) (before *step, relu []*step) {
	before = s.in[0]
	if _, ok := alone[reluOp](p, before); ok {
		return before.in[0], []*step{before}
	}
	return before, nil
}

// readers counts the steps that read s.
func (p *plan) readers(s *step) (n int) {
	for _, r := range p.steps {
		for _, in := range r.in {
			if in == s {
				n++
			}
		}
	}
	return n
}

// replace gives s another operation that reads in, in place of the steps swallowed.
func (p *plan) replace(s *step, op operation, in []*step, swallowed ...*step) bool {
	s.op, s.in = op, in
	p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return slices.Contains(swallowed, s) })
	return true
}
