// Package machine runs a Gorgonia graph of our operations: it prunes what no
// output needs, fuses loops over the pictures of a batch, plans all memory once
// in one arena by liveness, and then runs without allocating.
package machine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"time"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// Options are the switches of a machine. None changes results.
type Options struct {
	// Unfused runs every operation alone, so that each sees its inputs whole.
	Unfused bool
	// Poison fills a buffer with 0xFF (NaN) after its last use, which makes a
	// mistake in the plan visible. For tests.
	Poison bool
	// Profile measures the time of each operation, also in fused loops; it costs
	// about 100 ns for each picture and operation.
	Profile bool
}

// Machine executes one graph. It implements gorgonia.VM. It is not safe for
// concurrent use.
type Machine struct {
	pool  *kernels.Pool
	opt   Options
	steps []step
	arena []byte
	plan  *plan
	at    int // step in work, or that stopped the last run
}

// step is one group: an operation alone, operations side by side, or fused loops.
type step struct {
	label, kind string
	group       int
	alone       []func(*graph.Call) error // of operations side by side, or of one alone
	errs        []error                   // of each
	calls       []*graph.Call
	labels      []string
	clocks      []*clock     // of each call, if profiled
	loops       []graph.Loop // empty for an operation alone
	bodies      []kernels.Loop
	batch       int
	memory      []kernels.Memory // that the loops read and an earlier step wrote
	inputs      []input          // operands that gorgonia.Let may rebind between runs
	dead        [][]byte         // buffers to poison after this step
	profile     context.Context  // labels of samples outside of loops
	spent       time.Duration
	runs        int
}

type input struct {
	call *graph.Call
	k    int
	n    *G.Node
}

// New plans the computation of the outputs, which keep their values until the
// next run. Pass every node whose Value will be read, gradients included.
func New(pool *kernels.Pool, opt Options, outputs ...*G.Node) (*Machine, error) {
	p, err := newPlan(pool, !opt.Unfused, outputs)
	if err != nil {
		return nil, err
	}
	m := &Machine{pool: pool, opt: opt, plan: p, arena: alignedArena(p.size)}
	if err := m.bind(p); err != nil {
		return nil, err
	}
	return m, nil
}

// alignedArena returns zeroed memory that starts on a cache line.
func alignedArena(n int) []byte {
	b := make([]byte, n+64)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[off : off+n : off+n]
}

// ArenaBytes returns the size of the planned memory.
func (m *Machine) ArenaBytes() int { return m.plan.size }

// Steps returns the number of groups that a run goes through.
func (m *Machine) Steps() int { return len(m.steps) }

// bind gives every operation its buffers.
func (m *Machine) bind(p *plan) error {
	values := map[*G.Node]G.Value{}
	for _, n := range p.order {
		values[n] = n.Value()
	}
	local := map[*G.Node]bool{}
	var group []*planned
	for i, o := range p.ops {
		if o.reads {
			src, _ := graph.Inspect(o.children[0])
			values[o.n] = p.auxValues[src][o.k]
			if err := G.UnsafeLet(o.n, values[o.n]); err != nil {
				return fmt.Errorf("machine: %s: %w", o.label, err)
			}
			continue
		}
		group = append(group, o)
		if i+1 < len(p.ops) && p.ops[i+1].group == o.group {
			continue
		}
		if err := m.addStep(p, group, values, local); err != nil {
			return err
		}
		group = group[:0]
	}
	return nil
}

func (m *Machine) addStep(p *plan, group []*planned, values map[*G.Node]G.Value, local map[*G.Node]bool) error {
	first := group[0]
	s := step{label: first.label, kind: first.kind, group: first.group, batch: first.batch, profile: labelled(first.kind, first.label)}
	fused := first.loops && !m.opt.Unfused
	for _, o := range group {
		c := &graph.Call{Fused: fused, Workers: m.pool.Threads()}
		if o.out.Rank == 0 {
			c.Out = G.NewF32(0)
		} else if c.LocalOut = o.storage.local; c.LocalOut {
			shape := o.n.Shape().Clone()
			shape[0] = m.pool.Threads()
			c.Out, local[o.n] = m.view(o.storage, o.out.Dtype, shape), true
		} else {
			c.Out = m.view(o.storage, o.out.Dtype, o.n.Shape())
		}
		values[o.n] = c.Out
		if !c.LocalOut { // a local value is never whole
			if err := G.UnsafeLet(o.n, c.Out); err != nil {
				return fmt.Errorf("machine: %s: %w", o.label, err)
			}
		}
		for k, b := range o.auxSpec {
			c.Aux = append(c.Aux, m.view(o.aux[k], b.Dtype, b.Shape))
		}
		if len(o.auxSpec) > 0 {
			o.info.BindAux(c.Aux)
			p.auxValues[o.info] = c.Aux
		}
		for k, ch := range o.children {
			if values[ch] == nil {
				return fmt.Errorf("machine: %s: input %v has no value", o.label, ch)
			}
			c.In, c.LocalIn = append(c.In, values[ch]), append(c.LocalIn, local[ch])
			if from := p.byNode[ch]; fused && from != nil && from.group != o.group && o.picture(k) {
				s.fetch(values[ch].(*tensor.Dense), s.batch)
			}
			if ch.Op() == nil {
				s.inputs = append(s.inputs, input{c, k, ch})
			}
		}
		s.calls, s.labels = append(s.calls, c), append(s.labels, o.label)
		if fused {
			l := o.loop(c)
			if m.opt.Profile {
				k := &clock{Loop: l.Body, kind: o.kind, labels: labelled(o.kind, o.label), spent: make([]time.Duration, m.pool.Threads())}
				l = k.wrap(l)
				s.clocks = append(s.clocks, k)
			}
			s.loops, s.bodies = append(s.loops, l), append(s.bodies, l.Body)
		} else {
			s.alone = append(s.alone, func(c *graph.Call) error { return p.run(o, c) })
			if o.kind != s.kind {
				s.kind = "small operations"
			}
		}
	}
	s.errs = make([]error, len(s.alone))
	if m.opt.Poison {
		for _, st := range p.storages {
			if st.last == first.group && !st.pinned {
				s.dead = append(s.dead, m.arena[st.offset:st.offset+st.size])
			}
		}
	}
	m.steps = append(m.steps, s)
	return nil
}

// fetch lets the loops over n pictures ask for d ahead.
func (s *step) fetch(d *tensor.Dense, n int) {
	var m kernels.Memory
	switch data := d.Data().(type) {
	case []float32:
		m = kernels.MemoryOf(data, n)
	case []uint8:
		m = kernels.MemoryOf(data, n)
	}
	if m.Base != nil && !slices.Contains(s.memory, m) {
		s.memory = append(s.memory, m)
	}
}

// view returns a tensor over the storage's memory.
func (m *Machine) view(s *storage, dt tensor.Dtype, shape tensor.Shape) *tensor.Dense {
	n := shape.TotalSize()
	b := m.arena[s.offset : s.offset+max(s.size, 1)]
	p := unsafe.Pointer(unsafe.SliceData(b))
	var data any
	switch dt {
	case tensor.Float32:
		data = unsafe.Slice((*float32)(p), n)
	case tensor.Uint8:
		data = unsafe.Slice((*uint8)(p), n)
	case tensor.Int8:
		data = unsafe.Slice((*int8)(p), n)
	case tensor.Int32:
		data = unsafe.Slice((*int32)(p), n)
	default:
		panic(fmt.Sprintf("machine: no buffers of type %v", dt)) // our operations have no other
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}

// RunAll runs every operation once. An error or a panic of an operation is
// reported with the layer's name.
func (m *Machine) RunAll() error { return m.run(0) }

// run goes through the steps from the given one on.
func (m *Machine) run(from int) error {
	for m.at = from; m.at < len(m.steps); m.at++ {
		s := &m.steps[m.at]
		for _, in := range s.inputs {
			in.call.In[in.k] = in.n.Value()
		}
		var t time.Time
		if m.opt.Profile {
			pprof.SetGoroutineLabels(s.profile)
			t = time.Now()
		}
		if err := s.do(m.pool); err != nil {
			return err
		}
		if m.opt.Profile {
			s.spent += time.Since(t)
			s.runs++
		}
		for _, b := range s.dead {
			for j := range b {
				b[j] = 0xFF
			}
		}
	}
	if m.opt.Profile {
		pprof.SetGoroutineLabels(context.Background())
	}
	return nil
}

func (s *step) do(pool *kernels.Pool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: panic: %v\n%s", s.name(), r, debug.Stack())
		}
	}()
	switch {
	case len(s.alone) == 1:
		if err := s.alone[0](s.calls[0]); err != nil {
			return fmt.Errorf("%s: %w", s.label, err)
		}
		return nil
	case len(s.alone) > 1:
		pool.For(len(s.alone), func(_, i int) { s.errs[i] = s.alone[i](s.calls[i]) })
		for i, err := range s.errs {
			if err != nil {
				return fmt.Errorf("%s: %w", s.labels[i], err)
			}
		}
		return nil
	}
	if err := graph.RunLoops(pool, s.batch, s.memory, s.loops, s.bodies); err != nil {
		var l *graph.LoopError
		if errors.As(err, &l) {
			return fmt.Errorf("%s: %w", s.labels[l.Index], l.Err)
		}
		return err
	}
	return nil
}

// name lists the operations of a step.
func (s *step) name() string {
	if len(s.labels) == 1 {
		return s.label
	}
	return fmt.Sprintf("one of %q", s.labels)
}

// Reset does nothing: buffers are reused as they are.
func (m *Machine) Reset() {}

// Close releases nothing; it completes gorgonia.VM.
func (m *Machine) Close() error { return nil }
