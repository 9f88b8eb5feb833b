package machine

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/graph"
)

// explain adds to an error about a number that is not finite the first operation that gave one. Few operations look, and
// comparisons, ReLU and quantizers swallow NaN, so the one that stopped the run says little about the cause. All run
// again to find it, alone and on the same inputs: what operations keep from run to run moves once more, and the
// machine, whose nodes have new values, is not to be used again.
func (m *Machine) explain(err error) error {
	if err == nil {
		return nil
	}
	var e *graph.NotFiniteError
	if !errors.As(err, &e) {
		return err
	}
	m.arena, m.steps = nil, nil // two are too many
	n, failed := New(m.pool, Options{Unfused: true}, m.plan.outputs...)
	if failed != nil {
		return err
	}
	if first := n.firstNotFinite(); first != "" {
		return fmt.Errorf("%w; the first layer that is not finite is %s", err, first)
	}
	return err
}

// firstNotFinite runs the operations up to the first whose output has a number that is not finite, and returns the
// operation and the number; "" if there is none, or an operation failed before it.
func (m *Machine) firstNotFinite() string {
	for i := range m.steps {
		s := &m.steps[i]
		s.rebind()
		failed := s.do(m.pool)
		for j, c := range s.calls {
			out, ok := c.Out.(*tensor.Dense)
			if !ok || out.Dtype() != tensor.Float32 {
				continue
			}
			if at := graph.FirstNotFinite(out.Float32s()); at >= 0 && failed == nil {
				return fmt.Sprintf("%s, with %g", s.labels[j], out.Float32s()[at])
			}
		}
		if failed != nil || m.pool.Err() != nil { // what was stopped is garbage
			return ""
		}
	}
	return ""
}
