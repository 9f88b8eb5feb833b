package layers

import (
	"fmt"
	"slices"
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
