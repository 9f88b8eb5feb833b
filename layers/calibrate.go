package layers

import (
	"errors"
	"fmt"
	"runtime"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
	"github.com/qat-go/qat/threads"
)

// Calibrate gives every quantizer without levels its first ones: weights from their values, activations from the first
// of the batches x (N, H, W, C) of normalized training pictures, as many as each wants (CalibrationBatches). Quantizers
// calibrate in order, each on what the ones before it let through: all batches stop in front of a quantizer until it has
// seen them, and then go on. States of methods follow the first batch. Batch norm takes the statistics of each batch, as
// the first training step will, unless it is frozen ([Network.FreezeBatchNorm]). Running statistics stay as they are.
//
// hear, unless it is nil, is told how many passes of a batch to a quantizer are done.
func (n *Network) Calibrate(pool *threads.Pool, hear func(done, total int), x ...*tensor.Dense) error {
	if err := n.made(); err != nil {
		return err
	}
	if err := n.calibrateWeights(); err != nil {
		return err
	}
	wanted := n.WantedBatches()
	if wanted == 0 {
		return nil
	}
	if len(x) < wanted {
		return fmt.Errorf("calibration on %d batches; expected %d", len(x), wanted)
	}
	if err := n.takes(x[0]); err != nil {
		return err
	}
	for _, batch := range x {
		if err := alike(x[0], batch); err != nil {
			return err
		}
	}
	c, in := NewContext(pool, true), x[0].Clone().(*tensor.Dense)
	logits, err := n.Build(c, in)
	if err != nil {
		return err
	}
	m, err := machine.New((*kernels.Pool)(pool), machine.Options{Unfused: true}, logits)
	if err != nil {
		return err
	}
	defer func() { n.clock.steady = false }()
	n.listen(hear)
	stopped, begun := make([]*machine.State, wanted), make([]bool, wanted)
	for i := 0; ; {
		n.clock.steady = i > 0
		copy(in.Float32s(), x[i].Float32s())
		if begun[i] {
			err = m.Resume(stopped[i])
		} else {
			err, begun[i] = m.RunAll(), true
		}
		var u *uncalibrated
		stops := errors.As(err, &u) && u.q != nil && !u.q.Calibrated()
		if i == 0 && (err == nil || stops) {
			c.commit(func(a *Array) bool { return !a.Running })
		}
		if !stops {
			return err
		}
		if err := u.q.calibrateActivation(u.x); err != nil {
			return err
		}
		if wanted > 1 { // else this batch goes on
			stopped[i] = m.Save(stopped[i])
		}
		if i++; u.q.Calibrated() {
			i = 0
		}
		if c.started = nil; u.q.spec.CalibrationBatches <= 1 {
			c.started = u.q
		}
	}
}

// WantedBatches is the number of batches that quantizers without levels look at.
func (n *Network) WantedBatches() int {
	wanted := 0
	for _, q := range n.Quantizers {
		if !q.Calibrated() {
			wanted = max(wanted, q.spec.CalibrationBatches, 1)
		}
	}
	return wanted
}

// KeptBatches is the number of batches that a quantizer without levels holds at once to find them.
func (n *Network) KeptBatches() int {
	kept := 0
	for _, q := range n.Quantizers {
		if !q.Calibrated() && q.keepsValues() {
			kept = max(kept, q.spec.CalibrationBatches, 1)
		}
	}
	return kept
}

// collectEvery is how much garbage, in bytes, is left to the collector's own time.
const collectEvery = 16 << 20

// listen lets quantizers without levels tell hear whenever one has seen a batch. What it looked at is garbage then, of
// which the collector would let as much lie about as is in use, or twice that.
func (n *Network) listen(hear func(done, total int)) {
	done, total, garbage := 0, 0, 0
	passed := func(elements int) {
		if garbage += 2 * 4 * elements; garbage > collectEvery { // the values, and those that a ReLU leaves
			runtime.GC()
			garbage = 0
		}
		if done++; hear != nil {
			hear(done, total)
		}
	}
	for _, q := range n.Quantizers {
		if !q.Calibrated() {
			total += max(q.spec.CalibrationBatches, 1)
			q.observed.passed = passed
		}
	}
}

// calibrateWeights gives every weight quantizer without levels its first ones.
func (n *Network) calibrateWeights() error {
	var errs []error
	for _, l := range n.weighted() {
		if q := l.weights; q != nil && !q.Calibrated() {
			if err := q.CalibrateWeights(l.weight().Data()); err != nil {
				errs = append(errs, fmt.Errorf("cannot calibrate %s: %w", q.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}
