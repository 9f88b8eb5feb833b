package layers

import (
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/qat-go/qat/internal/kernels"
	"github.com/qat-go/qat/internal/machine"
)

// Calibrate gives every quantizer without a scale one: weights from their
// values, activations from the batch x (N, H, W, C) of normalized training
// pictures, which runs forward with batch statistics. Quantizers calibrate in
// order, each on what the ones before it let through. Running statistics stay
// as they are.
func (n *Network) Calibrate(pool *kernels.Pool, x *tensor.Dense) error {
	if err := n.calibrateWeights(); err != nil {
		return err
	}
	missing := false
	for _, q := range n.Quantizers {
		missing = missing || !q.Calibrated()
	}
	if !missing {
		return nil
	}
	c := NewContext(pool, true)
	logits, err := n.Build(c, x)
	if err != nil {
		return err
	}
	m, err := machine.New(pool, machine.Options{Unfused: true}, logits)
	if err != nil {
		return err
	}
	saved := map[*BatchNorm][2][]float32{}
	for _, v := range n.net.convs() {
		saved[v.Norm] = [2][]float32{append([]float32(nil), v.Norm.Mean.Data...), append([]float32(nil), v.Norm.Var.Data...)}
	}
	err = m.RunAll()
	for norm, s := range saved {
		copy(norm.Mean.Data, s[0])
		copy(norm.Var.Data, s[1])
	}
	return err
}

// calibrateWeights gives every weight quantizer without a scale one.
func (n *Network) calibrateWeights() error {
	calibrate := func(q *Quantizer, w *Param) error {
		if q == nil || q.Calibrated() {
			return nil
		}
		if err := q.CalibrateWeights(w.Data()); err != nil {
			return fmt.Errorf("cannot calibrate %s: %w", q.Name, err)
		}
		return nil
	}
	err := calibrate(n.net.Head.Weights, n.net.Head.Weight)
	for _, c := range n.net.convs() {
		err = errors.Join(err, calibrate(c.Weights, c.Weight))
	}
	return err
}
