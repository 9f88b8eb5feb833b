package layers

import "github.com/qat-go/qat/estimators"

// Levels that lie evenly at an offset from 0, as those of LSQ+ and DSQ do, are no integers times a scale. A convolution still
// sums their codes, since what the offset adds to its output depends on the weights alone.

// grid is what codes mean: x = scale*(code - zeroPoint) + offset.
type grid struct {
	scale, offset      float32
	zeroPoint, largest uint8
}

// grid returns that of the codes that a convolution reads.
func (q *Quantizer) grid() grid {
	if !q.atOffset {
		return grid{scale: q.Scale.Data()[0], zeroPoint: q.zeroPoint(), largest: q.largest()}
	}
	k, _, _ := q.staircase(false, nil, false) // an error has shown where the codes were written
	return grid{scale: k.Unit, offset: k.Offset, zeroPoint: uint8(k.Zero), largest: uint8(k.Hi - k.Lo)}
}

// offsetFor tells that the levels of q lie at an offset, and that a convolution with these weights can sum their codes.
func (q *Quantizer) offsetFor(weights *Quantizer) bool {
	return q != nil && q.is.Levels == estimators.AtOffset && q.stairs() && q.Bits() <= 8 &&
		weights != nil && weights.integral(true) && weights.integral(false)
}
