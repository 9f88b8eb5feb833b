package machine

import (
	"context"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/qat-go/qat/internal/graph"
	"github.com/qat-go/qat/internal/kernels"
)

// clock is a loop that measures another.
type clock struct {
	kernels.Loop
	kind   string
	labels context.Context // of samples in CPU profiles
	serial time.Duration
	spent  []time.Duration // in pictures, of each worker
	_      [64]byte
}

func (c *clock) Begin(p *kernels.Pool) { c.measure(func() { c.Loop.Begin(p) }) }
func (c *clock) End(p *kernels.Pool)   { c.measure(func() { c.Loop.End(p) }) }

func (c *clock) measure(f func()) {
	pprof.SetGoroutineLabels(c.labels)
	t := time.Now()
	f()
	c.serial += time.Since(t)
}

func (c *clock) Picture(s *kernels.Scratch, piece, n int) {
	pprof.SetGoroutineLabels(c.labels)
	t := time.Now()
	c.Loop.Picture(s, piece, n)
	c.spent[s.Worker()] += time.Since(t)
	pprof.SetGoroutineLabels(context.Background()) // what else the worker does
}

// labelled returns the labels of an operation's samples.
func labelled(kind, label string) context.Context {
	return pprof.WithLabels(context.Background(), pprof.Labels("operation", kind, "layer", strings.TrimSuffix(label, ": "+kind)))
}

// wrap returns the loop with everything in it measured.
func (c *clock) wrap(l graph.Loop) graph.Loop {
	timed := func(f func() error) func() error {
		if f == nil {
			return nil
		}
		return func() (err error) {
			c.measure(func() { err = f() })
			return err
		}
	}
	return graph.Loop{Body: c, Before: timed(l.Before), After: timed(l.After)}
}

// total is the wall time that the operation accounts for.
func (c *clock) total() time.Duration {
	sum := time.Duration(0)
	for _, d := range c.spent {
		sum += d
	}
	return c.serial + sum/time.Duration(len(c.spent))
}

// Timing is the time that one operation took over all profiled runs.
type Timing struct {
	Label, Kind string
	Total       time.Duration
	Runs        int
}

// Timings returns the profile in execution order; Options.Profile must be set.
// The time of an operation in a fused loop is its share of the wall time; what
// is left of the loop's, workers waiting for each other, is of kind "waiting".
func (m *Machine) Timings() []Timing {
	var ts []Timing
	for _, s := range m.steps {
		if len(s.clocks) == 0 {
			ts = append(ts, Timing{s.label, s.kind, s.spent, s.runs})
			continue
		}
		rest := s.spent
		for i, c := range s.clocks {
			ts = append(ts, Timing{s.labels[i], c.kind, c.total(), s.runs})
			rest -= c.total()
		}
		ts = append(ts, Timing{s.name(), "waiting", max(rest, 0), s.runs})
	}
	return ts
}

// ResetTimings forgets the profile so far.
func (m *Machine) ResetTimings() {
	for i := range m.steps {
		s := &m.steps[i]
		s.spent, s.runs = 0, 0
		for _, c := range s.clocks {
			c.serial = 0
			clear(c.spent)
		}
	}
}
