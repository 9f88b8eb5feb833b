package layers

import (
	"fmt"

	"github.com/qat-go/qat/integer"
)

// lowering is the integer network under construction.
type lowering struct {
	net *integer.Network
}

func (l *lowering) fail(layer string, err error) error {
	return fmt.Errorf("%s: %w", layer, err)
}

// NotIntegerError tells which layer keeps a network from running in integers.
type NotIntegerError struct {
	Layer, Reason string
}

// Error implements error.
func (e *NotIntegerError) Error() string {
	return fmt.Sprintf("%s cannot run in integers: %s", e.Layer, e.Reason)
}

// integral checks that a layer's quantizers are there and have a scale.
func (l *lowering) integral(layer string, qs ...*Quantizer) error {
	for _, q := range qs {
		if q == nil {
			return &NotIntegerError{layer, "a part of it is left in floating point (fp)"}
		}
		if !q.integral(false) || q.ZeroPoint != nil && !q.even() {
			return &NotIntegerError{layer, "the levels of " + q.Name + " (" + string(q.Estimator) + ") are not a scale times integers"}
		}
		if !q.Calibrated() {
			return &NotIntegerError{layer, "quantizer " + q.Name + " has no scale yet; train or calibrate first"}
		}
		if q.method != nil && q.ZeroPoint != nil {
			if err := q.measure(nil); err != nil {
				return l.fail(layer, err)
			}
		}
	}
	return nil
}

// tensor adds the tensor that q describes.
func (l *lowering) tensor(q *Quantizer, h, w, c int) int {
	l.net.Tensors = append(l.net.Tensors, integer.Tensor{
		Name: q.Name, H: h, W: w, C: c, Bits: q.Bits, Signed: q.centred(), Narrow: q.Narrow, Scale: q.Scale.Data()[0], ZeroPoint: q.zeroPoint(),
	})
	return len(l.net.Tensors) - 1
}

// requantize adds the step from tensor x to the codes of q.
func (l *lowering) requantize(name string, x int, q *Quantizer) int {
	from := l.net.Tensors[x]
	out := l.tensor(q, from.H, from.W, from.C)
	lo, hi := l.net.Tensors[out].Range()
	l.net.Layers = append(l.net.Layers, &integer.Requantize{Name: name, In: x, Out: out, Lo: lo, Hi: hi})
	return out
}
