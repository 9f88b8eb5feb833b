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
	"time"

	G "gorgonia.org/gorgonia"

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
	// about 100 ns for each picture, or strip of one, and operation.
	Profile bool
	// Strip is about how many elements of a picture loops take at a time that may; 0 for what suits caches. For tests.
	Strip int
	// Before is called ahead of each step. For tests.
	Before func(step int)
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
	strips      []kernels.Strips // of each
	batch       int
	memory      []kernels.Memory // that the loops read and an earlier step wrote
	inputs      []input          // operands that gorgonia.Let may rebind between runs
	dead        [][]byte         // buffers to poison after this step
	profile     context.Context  // labels of samples outside of loops
	spent       time.Duration
	runs        int
}

// New plans the computation of the outputs, which keep their values until the
// next run. Pass every node whose Value will be read, gradients included.
func New(pool *kernels.Pool, opt Options, outputs ...*G.Node) (*Machine, error) {
	p, err := newPlan(pool, opt, outputs)
	if err != nil {
		return nil, err
	}
	m := &Machine{pool: pool, opt: opt, plan: p, arena: alignedArena(p.size)}
	if err := m.bind(p); err != nil {
		return nil, err
	}
	return m, nil
}

// Size returns what ArenaBytes will be of the machine that New makes of the same.
func Size(pool *kernels.Pool, opt Options, outputs ...*G.Node) (int, error) {
	p, err := newPlan(pool, opt, outputs)
	if err != nil {
		return 0, err
	}
	return p.size, nil
}

// ArenaBytes returns the size of the planned memory.
func (m *Machine) ArenaBytes() int { return m.plan.size }

// Steps returns the number of groups that a run goes through.
func (m *Machine) Steps() int { return len(m.steps) }

// RunAll runs every operation once. An error or a panic of an operation is
// reported with the layer's name, and a number that is not finite with the first
// layer that gave one; the machine is not to be used after that. If
// [kernels.Pool.Until] stops the run, the error is the context's, and what operations
// write is garbage, their state included.
func (m *Machine) RunAll() error { return m.explain(m.run(0)) }

// run goes through the steps from the given one on.
func (m *Machine) run(from int) error {
	for m.at = from; m.at < len(m.steps); m.at++ {
		s := &m.steps[m.at]
		s.rebind()
		if m.opt.Before != nil {
			m.opt.Before(m.at)
		}
		var t time.Time
		if m.opt.Profile {
			pprof.SetGoroutineLabels(s.profile)
			t = time.Now()
		}
		err := s.do(m.pool)
		if stopped := m.pool.Err(); stopped != nil { // whatever an operation made of what was left undone
			err = stopped
		}
		if err != nil {
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

// rebind takes the values that the graph's inputs have now.
func (s *step) rebind() {
	for _, in := range s.inputs {
		in.call.In[in.k] = in.n.Value()
	}
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
	if err := graph.RunLoops(pool, s.batch, s.memory, s.strips, s.loops, s.bodies); err != nil {
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
