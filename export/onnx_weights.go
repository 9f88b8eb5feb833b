package export

import (
	"fmt"
	"math"
	"slices"

	"github.com/qat-go/qat/integer"
)

// symmetric are a layer's weights with a scale of their own, as ONNX wants
// them: the scale of a sum is float32(s_x*Scale[o]), bit for bit.
type symmetric struct {
	Shape []int   // (out, in, height, width)
	Codes []int16 // row-major; int16 because 128 may be one of them on the way
	Bits  int
	Scale []float32 // of the weights, one an output
	Sum   []float32 // of the sums: float32(s_x*Scale[o])
	Bias  []int32   // in units of Sum
}

// weightsOf returns the weights of a convolution or linear layer. Where the
// scale of the sums is negative, as batch norm makes it, the channel's weights
// and bias change sign instead. That may take a bit more than the layer has;
// where even 8 bits do not hold it, the scale stays negative.
func weightsOf(net *integer.Network, l integer.Layer) (*symmetric, error) {
	in, from := net.Tensors[l.Inputs()[0]], net.Weights(l)
	w := symmetric{
		Shape: []int{from.Out, from.In, from.Height, from.Width}, Codes: make([]int16, len(from.Codes)), Bits: from.Bits,
		Scale: make([]float32, from.Out), Sum: slices.Clone(from.Scale), Bias: slices.Clone(from.Bias),
	}
	for i, v := range outputsFirst(from) {
		w.Codes[i] = int16(v)
	}
	each := len(w.Codes) / w.Shape[0]
	for o := range w.Sum {
		row := w.Codes[o*each:][:each]
		if w.Sum[o] < 0 && slices.Min(row) > math.MinInt8 {
			for i := range row {
				row[i] = -row[i]
			}
			w.Sum[o], w.Bias[o] = -w.Sum[o], -w.Bias[o]
		}
		var ok bool
		if w.Scale[o], ok = weightScale(in.Scale, w.Sum[o]); !ok {
			return nil, fmt.Errorf("%s: channel %d: no weight scale times the input's scale %g is %g in float32; qat's own networks have one",
				l.LayerName(), o, in.Scale, w.Sum[o])
		}
	}
	if slices.Max(w.Codes) >= 1<<(w.Bits-1) {
		w.Bits++
	}
	return &w, nil
}

// flatten makes the shape that of a matrix, (out, in*height*width).
func (w *symmetric) flatten() { w.Shape = []int{w.Shape[0], w.Shape[1] * w.Shape[2] * w.Shape[3]} }

// weightScale returns a float32 s with float32(sx*s) == sum.
func weightScale(sx, sum float32) (float32, bool) {
	s := sum / sx
	up, down := math.Nextafter32(s, float32(math.Inf(1))), math.Nextafter32(s, float32(math.Inf(-1)))
	for _, s := range []float32{s, up, down} {
		if sx*s == sum && s != 0 {
			return s, true
		}
	}
	return 0, false
}
