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

// ready checks that a layer's quantizers have a scale, and brings their zero points up to date.
func (l *lowering) ready(layer string, qs ...*Quantizer) error {
	for _, q := range qs {
		if !q.Calibrated() {
			return &NotIntegerError{[]Cause{{[]string{layer}, "quantizer " + q.Name + " has no scale yet; train or calibrate first"}}}
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
