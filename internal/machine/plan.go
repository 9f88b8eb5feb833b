package machine

import (
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/arena"
	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// plan is the order of operations and the place of every buffer.
type plan struct {
	pool      *kernels.Pool
	outputs   []*G.Node
	order     []*G.Node // all nodes that outputs need, children first
	isOp      map[*G.Node]bool
	byNode    map[*G.Node]*planned
	ops       []*planned // in order of execution
	groups    int
	storages  []*storage
	auxValues map[graph.Node][]*tensor.Dense
	size      int // of the arena in bytes
}

// planned is one operation.
type planned struct {
	n           *G.Node
	info        graph.Node
	label, kind string
	children    []*G.Node
	out         graph.Arg
	auxSpec     []graph.Buffer
	storage     *storage
	aux         []*storage
	reads       bool // the node is the k-th auxiliary output of its child
	k           int
	inPlace     int
	foreign     bool // the sum of two gradients, Gorgonia's own
	loops       bool // a loop over pictures
	batch       int  // pictures of the loop
	group       int  // groups run one after the other
	strips      kernels.Strips
	inStrips    bool // the output exists for the strip in work only
	stretch     int  // loops of one group that follow each other take pictures in the same strips
}

// storage is one buffer: groups from first to last need it.
type storage struct {
	first, last  int
	lastOp       int // index of the last operation that reads it
	lastWhole    int // the last group that reads it other than picture by picture
	size, offset int
	pinned       bool // keeps its contents after the run
	local        bool // holds one picture a worker
	outputs      bool // of operations, not auxiliary
}

func newPlan(pool *kernels.Pool, opt Options, outputs []*G.Node) (*plan, error) {
	p := &plan{pool: pool, outputs: outputs, auxValues: map[graph.Node][]*tensor.Dense{}, isOp: map[*G.Node]bool{}, byNode: map[*G.Node]*planned{}}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("machine: no outputs asked for")
	}
	if err := p.collect(outputs); err != nil {
		return nil, err
	}
	fuse := !opt.Unfused
	p.schedule(fuse)
	p.stretches(opt.Strip)
	p.lifetimes(fuse, outputs)
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
		o := &planned{n: n, children: children[n], inPlace: -1}
		if info, ok := graph.Inspect(n); ok {
			o.info, o.label, o.kind = info, info.Label(), info.Kind()
			o.out, o.auxSpec, o.inPlace, o.loops = info.Out(), info.Aux(), info.InPlace(), info.Loops()
			o.k, o.reads = info.Reads()
		} else if err := o.adopt(); err != nil {
			return err
		}
		o.batch = batchOf(o)
		p.ops = append(p.ops, o)
		p.isOp[n], p.byNode[n] = true, o
	}
	return nil
}

// adopt accepts the one operation of Gorgonia's that Grad inserts: the sum of
// the gradients that reach one node on several paths.
func (o *planned) adopt() error {
	n := o.n
	if n.Op().String() != "+ false" || len(o.children) != 2 || n.Dtype() != tensor.Float32 || n.Dims() == 0 ||
		!o.children[0].Shape().Eq(n.Shape()) || !o.children[1].Shape().Eq(n.Shape()) {
		return fmt.Errorf("machine: operation %v of Gorgonia is not supported", n)
	}
	o.label, o.kind, o.foreign, o.inPlace = "gradient sum", "gradient sum", true, 0
	o.out = graph.Arg{Dtype: tensor.Float32, Rank: n.Dims()}
	o.loops = n.Dims() == 4 // activations; parameters have several users rarely
	return nil
}

// loop returns the operation's loop for a call.
func (o *planned) loop(c *graph.Call) graph.Loop {
	if !o.foreign {
		return o.info.Loop(c)
	}
	var y, a, b kernels.Pictures[float32]
	return graph.Loop{
		Before: func() error { y, a, b = c.OutPictures(), c.Pictures(0), c.Pictures(1); return nil },
		Body:   &kernels.Each{Do: func(s *kernels.Scratch, n int) { kernels.AddRow(y.At(s, n), a.At(s, n), b.At(s, n)) }},
	}
}

// run computes the operation alone.
func (p *plan) run(o *planned, c *graph.Call) error {
	if o.foreign {
		kernels.AddRow(c.OutF32(), c.F32(0), c.F32(1))
		return nil
	}
	return o.info.Forward(c)
}

// stripsOf returns the strips, of about so many elements, in which the operation may take pictures.
func stripsOf(o *planned, elements int) kernels.Strips {
	if !o.loops || !o.foreign && !o.info.Pixelwise() {
		return kernels.Strips{}
	}
	shape := o.n.Shape()
	if !o.outPicture() {
		for i, c := range o.children {
			if o.picture(i) {
				shape = c.Shape()
			}
		}
	}
	channels := shape[len(shape)-1]
	return kernels.StripsOf(shape[1:].TotalSize()/channels, channels, elements)
}

// stretches numbers those of the operations in order, with strips of about so many elements.
func (p *plan) stretches(elements int) {
	for i, o := range p.ops {
		o.stretch, o.strips = i, stripsOf(o, elements)
		if i > 0 && o.strips.Of > 0 && o.strips == p.ops[i-1].strips && o.group == p.ops[i-1].group {
			o.stretch = p.ops[i-1].stretch
		}
	}
}

// lifetimes gives every output a storage and finds when it is needed last.
func (p *plan) lifetimes(fuse bool, outputs []*G.Node) {
	end := p.groups
	last := map[*G.Node]int{}    // group
	lastOp := map[*G.Node]int{}  // operation
	whole := map[*G.Node]int{}   // group that reads it other than picture by picture
	shared := map[*G.Node]bool{} // read by another group, or whole
	beyond := map[*G.Node]bool{} // read by another stretch
	auxLast := map[graph.Node][]int{}
	beside := map[*G.Node]map[int]int{} // how many operations of a group read it
	for i, o := range p.ops {
		for _, c := range o.children {
			if beside[c] == nil {
				beside[c] = map[int]int{}
			}
			beside[c][o.group]++
		}
		last[o.n], lastOp[o.n] = max(last[o.n], o.group), max(lastOp[o.n], i)
		for k, c := range o.children {
			if o.reads || !o.foreign && o.info.OrderOnly(k) {
				continue
			}
			last[c], lastOp[c] = max(last[c], o.group), i
			if !o.picture(k) {
				whole[c] = max(whole[c], o.group)
			}
			if from := p.byNode[c]; from != nil && (from.group != o.group || !o.picture(k)) {
				shared[c] = true
			} else if from != nil && from.stretch != o.stretch {
				beyond[c] = true
			}
		}
	}
	for _, n := range outputs {
		last[n], lastOp[n], shared[n] = end, len(p.ops), true
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
		s := &storage{first: first, last: max(first, last), size: size, pinned: last == end}
		p.storages = append(p.storages, s)
		return s
	}
	for i, o := range p.ops {
		if o.reads {
			continue
		}
		for k, b := range o.auxSpec {
			until := o.group
			if k < len(auxLast[o.info]) {
				until = max(until, auxLast[o.info][k])
			}
			o.aux = append(o.aux, add(o.group, until, b.Shape.TotalSize()*int(b.Dtype.Size())))
		}
		if o.out.Rank == 0 {
			continue
		}
		size := o.n.Shape().TotalSize() * int(o.out.Dtype.Size())
		local := o.outPicture() && !shared[o.n]
		if local {
			size = size / o.batch * p.pool.Threads()
		}
		if o.inStrips = local && o.strips.Of > 0 && !beyond[o.n]; o.inStrips {
			size = o.strips.Each * int(o.out.Dtype.Size()) * p.pool.Threads()
		}
		take := func(s *storage) {
			s.last, s.lastOp, s.lastWhole = max(s.last, last[o.n]), lastOp[o.n], max(s.lastWhole, whole[o.n])
			s.pinned, o.storage, of[o.n] = last[o.n] == end, s, s
		}
		if k := o.inPlace; k >= 0 {
			s := of[o.children[k]]
			// Another operand in the same buffer would be overwritten too, and so
			// would one of an operation that runs beside this one.
			taken := o.small(fuse) && beside[o.children[k]][o.group] > 1
			for j, c := range o.children {
				taken = taken || j != k && of[c] == s && s != nil
			}
			if s != nil && !taken && s.lastOp == i && s.local == local && s.size == size {
				take(s)
			}
		}
		if o.storage == nil && fuse && !local && o.outPicture() {
			if s := p.left(o.group, i, size); s != nil {
				take(s)
			}
		}
		if o.storage == nil {
			s := add(o.group, last[o.n], size)
			s.local, s.outputs = local, true
			take(s)
		}
	}
}

// left returns a buffer that operation i of a group of loops may write its pictures to, nil if there is none: one of that size
// which loops of the group ahead of i are the last to read, picture by picture, so that each picture is read when it is
// overwritten.
func (p *plan) left(group, i, size int) *storage {
	for _, s := range p.storages {
		if s.outputs && !s.local && !s.pinned && s.size == size && s.first < group && s.last == group && s.lastOp < i && s.lastWhole < group {
			return s
		}
	}
	return nil
}

// place gives each storage an offset.
func (p *plan) place() {
	buffers := make([]arena.Buffer, len(p.storages))
	for i, s := range p.storages {
		buffers[i] = arena.Buffer{Size: (s.size + 63) &^ 63, First: s.first, Last: s.last}
	}
	p.size = arena.Place(buffers)
	for i, s := range p.storages {
		s.offset = buffers[i].Offset
	}
}
