package machine

import (
	"cmp"
	"fmt"
	"slices"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// plan is the order of operations and the place of every buffer.
type plan struct {
	pool      *kernels.Pool
	order     []*G.Node // all nodes that outputs need, children first
	ops       []*planned
	storages  []*storage
	auxValues map[graph.Node][]*tensor.Dense
	size      int // of the arena in bytes
}

// planned is one operation; its index in plan.ops is its time.
type planned struct {
	n           *G.Node
	info        graph.Node
	label, kind string
	children    []*G.Node
	run         func(*graph.Call) error
	out         graph.Arg
	auxSpec     []graph.Buffer
	storage     *storage
	aux         []*storage
	reads       bool // the node is the k-th auxiliary output of its child
	k           int
	inPlace     int
	orderOnly   func(int) bool
}

// storage is one buffer: it is written at time first and read until last.
type storage struct {
	first, last  int
	size, offset int
	pinned       bool // keeps its contents after the run
}

func newPlan(pool *kernels.Pool, outputs []*G.Node) (*plan, error) {
	p := &plan{pool: pool, auxValues: map[graph.Node][]*tensor.Dense{}}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("machine: no outputs asked for")
	}
	if err := p.collect(outputs); err != nil {
		return nil, err
	}
	p.lifetimes(outputs)
	p.place()
	return p, nil
}

// collect lists what the outputs need in an order that respects dependencies:
// Gorgonia keeps nodes in order of creation, children before parents.
func (p *plan) collect(outputs []*G.Node) error {
	g := outputs[0].Graph()
	children := map[*G.Node][]*G.Node{}
	position := map[*G.Node]int{}
	all := g.AllNodes()
	for i, n := range all {
		position[n] = i
		it := g.From(n.ID())
		for it.Next() {
			children[n] = append(children[n], it.Node().(*G.Node))
		}
	}
	needed := map[*G.Node]bool{}
	var mark func(n *G.Node) error
	mark = func(n *G.Node) error {
		if needed[n] {
			return nil
		}
		needed[n] = true
		for _, c := range children[n] {
			if position[c] >= position[n] {
				return fmt.Errorf("machine: node %v was created before its input %v", n, c)
			}
			if err := mark(c); err != nil {
				return err
			}
		}
		return nil
	}
	for _, o := range outputs {
		if o == nil {
			return fmt.Errorf("machine: an output is nil")
		}
		if err := mark(o); err != nil {
			return err
		}
	}
	for _, n := range all {
		if !needed[n] {
			continue
		}
		p.order = append(p.order, n)
		if len(children[n]) == 0 { // an input or a constant
			if n.Value() == nil {
				return fmt.Errorf("machine: input %v has no value", n)
			}
			continue
		}
		o := &planned{n: n, children: children[n], inPlace: -1, orderOnly: func(int) bool { return false }}
		if info, ok := graph.Inspect(n); ok {
			o.info, o.label, o.kind, o.run = info, info.Label(), info.Kind(), info.Forward
			o.out, o.auxSpec, o.inPlace, o.orderOnly = info.Out(), info.Aux(), info.InPlace(), info.OrderOnly
			o.k, o.reads = info.Reads()
		} else if err := p.foreign(o); err != nil {
			return err
		}
		p.ops = append(p.ops, o)
	}
	return nil
}

// foreign accepts the one operation of Gorgonia's that Grad inserts: the sum
// of the gradients that reach one node on several paths.
func (p *plan) foreign(o *planned) error {
	n := o.n
	if n.Op().String() != "+ false" || len(o.children) != 2 || n.Dtype() != tensor.Float32 ||
		!o.children[0].Shape().Eq(n.Shape()) || !o.children[1].Shape().Eq(n.Shape()) {
		return fmt.Errorf("machine: operation %v of Gorgonia is not supported", n)
	}
	o.label, o.kind = "gradient sum", "add"
	o.out = graph.Arg{Dtype: tensor.Float32, Rank: n.Dims()}
	o.inPlace = 0
	if o.out.Rank == 0 {
		o.run = func(c *graph.Call) error { c.SetScalar(c.Scalar(0) + c.Scalar(1)); return nil }
	} else {
		o.run = func(c *graph.Call) error { kernels.Add(p.pool, c.OutF32(), c.F32(0), c.F32(1)); return nil }
	}
	return nil
}

// lifetimes gives every output a storage and finds when it is needed last.
func (p *plan) lifetimes(outputs []*G.Node) {
	last := map[*G.Node]int{}
	auxLast := map[graph.Node][]int{}
	for t, o := range p.ops {
		last[o.n] = max(last[o.n], t)
		for i, c := range o.children {
			if !o.orderOnly(i) && !o.reads {
				last[c] = t
			}
		}
	}
	for _, n := range outputs {
		last[n] = len(p.ops)
	}
	for _, o := range p.ops {
		if o.reads {
			src, _ := graph.Inspect(o.children[0])
			for len(auxLast[src]) <= o.k {
				auxLast[src] = append(auxLast[src], 0)
			}
			auxLast[src][o.k] = max(auxLast[src][o.k], last[o.n])
		}
	}
	of := map[*G.Node]*storage{}
	add := func(first, last, size int) *storage {
		s := &storage{first: first, last: max(first, last), size: (size + 63) &^ 63, pinned: last == len(p.ops)}
		p.storages = append(p.storages, s)
		return s
	}
	for t, o := range p.ops {
		if o.reads {
			continue
		}
		for k, b := range o.auxSpec {
			end := t
			if k < len(auxLast[o.info]) {
				end = max(t, auxLast[o.info][k])
			}
			o.aux = append(o.aux, add(t, end, b.Shape.TotalSize()*int(b.Dtype.Size())))
		}
		if o.out.Rank == 0 {
			continue
		}
		size := o.n.Shape().TotalSize() * int(o.out.Dtype.Size())
		if k := o.inPlace; k >= 0 {
			s := of[o.children[k]]
			// Another operand in the same buffer would be overwritten too.
			shared := false
			for i, c := range o.children {
				shared = shared || i != k && of[c] == s && s != nil
			}
			if s != nil && !shared && s.last == t && s.size == (size+63)&^63 {
				s.last = max(t, last[o.n])
				s.pinned = last[o.n] == len(p.ops)
				o.storage, of[o.n] = s, s
			}
		}
		if o.storage == nil {
			o.storage = add(t, last[o.n], size)
			of[o.n] = o.storage
		}
	}
}

// place gives each storage an offset: largest first, each at the lowest place
// that no storage alive at the same time takes.
func (p *plan) place() {
	bySize := slices.Clone(p.storages)
	slices.SortStableFunc(bySize, func(a, b *storage) int { return cmp.Compare(b.size, a.size) })
	var placed []*storage // by offset
	for _, s := range bySize {
		at := 0
		for _, q := range placed {
			if q.first > s.last || s.first > q.last {
				continue
			}
			if at+s.size <= q.offset {
				break
			}
			at = max(at, q.offset+q.size)
		}
		s.offset = at
		i, _ := slices.BinarySearchFunc(placed, s, func(a, b *storage) int { return cmp.Compare(a.offset, b.offset) })
		placed = slices.Insert(placed, i, s)
		p.size = max(p.size, at+s.size)
	}
}
