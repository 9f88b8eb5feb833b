package train

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/layers"
	"github.com/qat-go/qat/threads"
)

// calibrate gives quantizers without levels their first ones, from training batches. Batch norm takes the statistics of
// each batch, as the first training step will; where nothing is trained it takes the running ones, as evaluation will.
func (m *Model) calibrate(ctx context.Context) error {
	return m.calibrateWith(ctx, !m.Config.Train.Trains())
}

// calibrateWith is calibrate with the running statistics of batch norm if it is frozen.
func (m *Model) calibrateWith(ctx context.Context, frozen bool) error {
	if m.Net.WantedBatches() == 0 {
		return nil
	}
	_, err := Await(ctx, func() (struct{}, error) { // a search of levels may take minutes, and does not look at ctx
		defer m.pool.Until(ctx)()
		x, err := m.calibrationBatches()
		if err != nil {
			return struct{}{}, err
		}
		m.Net.FreezeBatchNorm(frozen)
		defer m.Net.FreezeBatchNorm(false)
		return struct{}{}, m.Net.Calibrate((*threads.Pool)(m.pool), telling(ctx, "calibrating", "passes"), x...)
	})
	return err
}

// finishCalibration ends a run that trains nothing. The checkpoint of a resumed one is finished already.
func (r *run) finishCalibration(ctx context.Context, resumed bool) error {
	if !resumed {
		if err := r.correct(ctx); err != nil {
			return err
		}
	}
	return r.checkpoint()
}

// finishTraining ends a run whose last step is in its checkpoint. Doing it again gives the same bits.
func (r *run) finishTraining(ctx context.Context) error {
	if r.Config.Quant.BatchNormReestimation == 0 {
		return nil
	}
	if err := r.reestimate(ctx, r.Config.Quant.BatchNormReestimation); err != nil {
		return interrupted(ctx, err)
	}
	return r.checkpoint()
}

// correct does what the config asks for after calibration alone: batch norm's statistics first, since the correction of
// biases sees what they leave.
func (m *Model) correct(ctx context.Context) error {
	defer m.pool.Until(ctx)()
	var float *layers.Network
	if m.Config.Quant.BiasCorrection {
		var err error
		if float, err = m.Net.Float(); err != nil {
			return err
		}
	}
	if err := m.reestimate(ctx, m.Config.Quant.BatchNormReestimation); err != nil || float == nil {
		return err
	}
	x, err := m.calibrationBatches()
	if err != nil {
		return err
	}
	return m.Net.CorrectBias((*threads.Pool)(m.pool), float, telling(ctx, "correcting biases", "passes"), x...)
}

// reestimate takes the running statistics of batch norm anew, on n batches.
func (m *Model) reestimate(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	batches, err := m.batches(n)
	if err != nil {
		return err
	}
	defer m.pool.Until(ctx)()
	hear, done := telling(ctx, "re-estimating batch norm", "batches"), 0
	var unread error
	err = m.Net.ReestimateBatchNorm((*threads.Pool)(m.pool), func(yield func(*tensor.Dense) bool) {
		for x, err := range batches {
			if unread = err; err != nil || !yield(x) {
				return
			}
			done++
			hear(done, n)
		}
	})
	return cmp.Or(unread, err)
}

// calibrationBatches returns as many batches as the quantizer that wants the most.
func (m *Model) calibrationBatches() ([]*tensor.Dense, error) {
	n := m.quant().Activations.CalibrationBatches
	for _, r := range m.quant().Layers {
		n = max(n, r.Activations.Values.CalibrationBatches)
	}
	batches, err := m.batches(n)
	if err != nil {
		return nil, err
	}
	var x []*tensor.Dense
	for b, err := range batches {
		if err := cmp.Or(err, m.pool.Err()); err != nil {
			return nil, err
		}
		x = append(x, b)
	}
	return x, nil
}

// batches returns the first n training batches, over several epochs if it must be; an error ends them.
func (m *Model) batches(n int) (iter.Seq2[*tensor.Dense, error], error) {
	l, err := m.loader()
	if err != nil {
		return nil, err
	}
	in := m.Net.Shape()
	return func(yield func(*tensor.Dense, error) bool) {
		for epoch := 0; n > 0; epoch++ {
			it := l.Epoch(epoch, 0)
			for b, ok := it.Next(); ok && n > 0; b, ok = it.Next() {
				x := tensor.New(tensor.WithShape(b.N, in.H, in.W, in.C), tensor.WithBacking(slices.Clone(b.X)))
				it.Release(b)
				if n--; !yield(x, nil) {
					n = 0
				}
			}
			it.Close()
			if err := it.Err(); err != nil {
				yield(nil, err)
				return
			}
		}
	}, nil
}
