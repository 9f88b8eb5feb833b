package train

import (
	"cmp"
	"context"
	"errors"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/threads"
)

var errStopped = errors.New("stopped")

// findings judges the quantizers of a model after training: on the first test images, its activations too.
func (m *Model) findings(ctx context.Context, st state) (layers.Findings, error) {
	f, err := m.stateFindings(st)
	if err != nil {
		return f, err
	}
	in := m.Net.Shape()
	var failed error
	err = m.Net.ActivationFindings(&f, (*threads.Pool)(m.pool), func(yield func(*tensor.Dense) bool) {
		failed = m.Batches(ctx, m.Data.Test.Head(EvalBatch), func(x []float32, _ []int32, n int) error {
			if !yield(tensor.New(tensor.WithShape(n, in.H, in.W, in.C), tensor.WithBacking(x[:n*in.Len()]))) {
				return errStopped
			}
			return nil
		})
	})
	if err == nil {
		err = failed
	}
	return f, err
}

// stateFindings judges what needs no data.
func (m *Model) stateFindings(st state) (f layers.Findings, err error) {
	m.Net.FloorFindings(&f, st.FloorHits, st.Step)
	return f, m.Net.WeightFindings(&f)
}

// Findings judges a model that was loaded from the checkpoint as far as that needs no data: weights, and floors of scales.
func (c *Checkpoint) Findings(m *Model) (layers.Findings, error) {
	if err := cmp.Or(c.check(), m.check()); err != nil {
		return layers.Findings{}, err
	}
	return m.stateFindings(c.state)
}
