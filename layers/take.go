package layers

import (
	"fmt"
	"math"
	"slices"

	"github.com/qat-go/qat/estimators"
)

// Left is a quantizer that [Network.TakeQuantizers] left as it was, and why.
type Left struct{ Name, Reason string }

// TakeQuantizers takes what the quantizers of another network have learned, or found in calibration, and their states, where
// both quantize a tensor to the same levels: by one method, to so many bits. It returns how many, and the others; a
// quantizer of the network's input, whose range is known, is neither.
func (n *Network) TakeQuantizers(from *Network) (taken int, left []Left) {
	if n.made() != nil || from.made() != nil {
		return 0, nil
	}
	for _, q := range n.Quantizers {
		if q.fixed {
			continue
		}
		var other *Quantizer
		if i := slices.IndexFunc(from.Quantizers, func(o *Quantizer) bool { return o.Name == q.Name }); i >= 0 {
			other = from.Quantizers[i]
		}
		if reason := q.unlike(other); reason != "" {
			left = append(left, Left{q.Name, reason})
			continue
		}
		taken++
		for i, a := range q.arrays() {
			copy(a.Data(), other.arrays()[i].Data())
		}
	}
	return taken, left
}

// unlike says why what another quantizer has learned, nil if there is none, is nothing for this one.
func (q *Quantizer) unlike(other *Quantizer) string {
	if other == nil {
		return "not quantized there"
	}
	here, there := q.spec, other.spec
	differ := func(there, here any) string { return fmt.Sprintf("%v there, %v here", there, here) }
	sign := map[bool]string{true: "signed", false: "unsigned"}
	switch {
	case here.Bits != there.Bits:
		return fmt.Sprintf("%v bits there, %v here", there.Bits, here.Bits)
	case here.Estimator != there.Estimator:
		return differ(there.Estimator, here.Estimator)
	case q.place.Weights && here.Granularity != there.Granularity:
		return differ(there.Granularity, here.Granularity)
	case q.Signed() != other.Signed():
		return differ(sign[other.Signed()], sign[q.Signed()])
	case here.Narrow != there.Narrow:
		return differ(fmt.Sprintf("narrow %t", there.Narrow), here.Narrow)
	case fmt.Sprint(here.Options) != fmt.Sprint(there.Options):
		return "other options"
	case here.Scheduled():
		return "its options have a schedule, which begins again"
	case !other.Calibrated():
		return "not calibrated there"
	case !slices.EqualFunc(q.arrays(), other.arrays(), func(a, b *Array) bool { return a.Name == b.Name && slices.Equal(a.shape(), b.shape()) }):
		return "of another shape"
	}
	return ""
}

// Rescale gives quantizers without levels those that follow from what the quantizers of another network have learned, where
// the bits alone are others, and returns how many. What bounds the values, such as PACT's clip, is taken as it is:
//
//	s' = s*Qp/Qp'
//
// A learned scale of even levels keeps its part of the one that LSQ starts from, 2*mean|x|/sqrt(Qp) (Esser et al. 2020,
// section 2.1):
//
//	s' = s*sqrt(Qp/Qp')
func (n *Network) Rescale(from *Network) (rescaled int, err error) {
	if n.made() != nil || from.made() != nil {
		return 0, errNoNetwork
	}
	for _, l := range n.layers {
		for _, q := range []*Quantizer{l.weights, l.input, l.output} {
			if q == nil || q.fixed || q.Calibrated() {
				continue
			}
			i := slices.IndexFunc(from.Quantizers, func(o *Quantizer) bool { return o.Name == q.Name })
			if i < 0 || !q.follows(from.Quantizers[i]) {
				continue
			}
			var w []float32
			if q == l.weights {
				w = l.weight().Data()
			}
			if err := q.rescaleFrom(from.Quantizers[i], w); err != nil {
				return rescaled, fmt.Errorf("%s: %w", q.Name, err)
			}
			rescaled++
		}
	}
	return rescaled, nil
}

// follows tells that what another quantizer of the tensor has learned says what this one begins with.
func (q *Quantizer) follows(other *Quantizer) bool {
	alike := *other
	alike.spec.Bits = q.spec.Bits
	return q.unlike(&alike) == "" && len(q.learned) > 0 && len(q.state) == 0 && (q.is.Bounds || other.learnsScale())
}

// learnsScale tells that the scale of even levels about 0 is all that is learned.
func (q *Quantizer) learnsScale() bool {
	return q.is.Levels == estimators.Even && slices.Equal(q.is.Learned, []string{"scale"}) && (q.symmetric() || q.zeroPoint() == 0)
}

func (q *Quantizer) rescaleFrom(other *Quantizer, w []float32) error {
	factor := 1.0
	if ratio := float64(other.levelRange().Qp()) / float64(q.levelRange().Qp()); !q.is.Bounds {
		factor = math.Sqrt(ratio)
	} else if q.plain() { // of whose bound the scale is a part
		factor = ratio
	}
	for i, a := range q.learned {
		for j, v := range other.learned[i].Data() {
			v = float32(float64(v) * factor)
			if a.Floor > 0 { // else it may be negative
				v = max(v, a.Floor)
			}
			a.Data()[j] = v
		}
	}
	return q.rescale(w)
}
