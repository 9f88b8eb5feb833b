package machine

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

type input struct {
	call *graph.Call
	k    int
	n    *G.Node
}

// alignedArena returns zeroed memory that starts on a cache line.
func alignedArena(n int) []byte {
	b := make([]byte, n+64)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[off : off+n : off+n]
}

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
			if o.inStrips {
				shape = tensor.Shape{shape[0], 1, 1, o.strips.Each} // strips are of pictures that have pixels
			}
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
			s.loops, s.bodies, s.strips = append(s.loops, l), append(s.bodies, l.Body), append(s.strips, o.strips)
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
