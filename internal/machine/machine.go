// Package machine runs a Gorgonia graph of our operations: it prunes what no
// output needs, plans all memory once in one arena by liveness, and then runs
// without allocating.
package machine

import (
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// Options are the switches of a machine.
type Options struct {
	// Keep lists nodes whose values must survive the run although no output
	// needs them any more.
	Keep []*G.Node
	// Poison fills a buffer with 0xFF (NaN) after its last use, which makes a
	// mistake in the plan visible. For tests.
	Poison bool
	// Profile measures the time of each step.
	Profile bool
}

// Machine executes one graph. It implements gorgonia.VM. It is not safe for
// concurrent use.
type Machine struct {
	opt   Options
	steps []step
	arena []byte
	plan  *plan
}

type step struct {
	label, kind string
	run         func(*graph.Call) error
	call        graph.Call
	inputs      []input  // operands that gorgonia.Let may rebind between runs
	dead        [][]byte // buffers to poison after this step
	spent       time.Duration
	runs        int
}

type input struct {
	k int
	n *G.Node
}

// New plans the computation of the outputs, which keep their values until the
// next run. Pass every node whose Value will be read, gradients included.
func New(pool *kernels.Pool, opt Options, outputs ...*G.Node) (*Machine, error) {
	m := &Machine{opt: opt}
	p, err := newPlan(pool, append(append([]*G.Node{}, outputs...), opt.Keep...))
	if err != nil {
		return nil, err
	}
	m.plan = p
	m.arena = alignedArena(p.size)
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

// bind gives every operation its buffers.
func (m *Machine) bind(p *plan) error {
	values := map[*G.Node]G.Value{}
	for _, n := range p.order {
		values[n] = n.Value()
	}
	for i, o := range p.ops {
		if o.reads {
			src, _ := graph.Inspect(o.children[0])
			values[o.n] = p.auxValues[src][o.k]
			if err := G.UnsafeLet(o.n, values[o.n]); err != nil {
				return fmt.Errorf("machine: %s: %w", o.label, err)
			}
			continue
		}
		s := step{label: o.label, kind: o.kind, run: o.run}
		if o.out.Rank == 0 {
			s.call.Out = G.NewF32(0)
		} else {
			s.call.Out = m.view(o.storage, o.out.Dtype, o.n.Shape())
		}
		values[o.n] = s.call.Out
		if err := G.UnsafeLet(o.n, s.call.Out); err != nil {
			return fmt.Errorf("machine: %s: %w", o.label, err)
		}
		for k, b := range o.auxSpec {
			s.call.Aux = append(s.call.Aux, m.view(o.aux[k], b.Dtype, b.Shape))
		}
		if len(o.auxSpec) > 0 {
			o.info.BindAux(s.call.Aux)
			p.auxValues[o.info] = s.call.Aux
		}
		for k, c := range o.children {
			if values[c] == nil {
				return fmt.Errorf("machine: %s: input %v has no value", o.label, c)
			}
			s.call.In = append(s.call.In, values[c])
			if c.Op() == nil {
				s.inputs = append(s.inputs, input{k, c})
			}
		}
		if m.opt.Poison {
			for _, st := range p.storages {
				if st.last == i && !st.pinned {
					s.dead = append(s.dead, m.arena[st.offset:st.offset+st.size])
				}
			}
		}
		m.steps = append(m.steps, s)
	}
	return nil
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
		panic(fmt.Sprintf("machine: no buffers of type %v", dt)) // newPlan has refused it
	}
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}

// RunAll runs every operation once. An error or a panic of an operation is
// reported with the layer's name.
func (m *Machine) RunAll() error {
	for i := range m.steps {
		s := &m.steps[i]
		for _, in := range s.inputs {
			s.call.In[in.k] = in.n.Value()
		}
		var t time.Time
		if m.opt.Profile {
			t = time.Now()
		}
		if err := s.do(); err != nil {
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
	return nil
}

func (s *step) do() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: panic: %v\n%s", s.label, r, debug.Stack())
		}
	}()
	if err := s.run(&s.call); err != nil {
		return fmt.Errorf("%s: %w", s.label, err)
	}
	return nil
}

// Reset does nothing: buffers are reused as they are.
func (m *Machine) Reset() {}

// Close releases nothing; it completes gorgonia.VM.
func (m *Machine) Close() error { return nil }

// Timing is the time that one operation took over all profiled runs.
type Timing struct {
	Label, Kind string
	Total       time.Duration
	Runs        int
}

// Timings returns the profile in execution order; Options.Profile must be set.
func (m *Machine) Timings() []Timing {
	var ts []Timing
	for _, s := range m.steps {
		ts = append(ts, Timing{s.label, s.kind, s.spent, s.runs})
	}
	return ts
}

// ResetTimings forgets the profile so far.
func (m *Machine) ResetTimings() {
	for i := range m.steps {
		m.steps[i].spent, m.steps[i].runs = 0, 0
	}
}
