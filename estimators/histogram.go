package estimators

import (
	"maps"
	"math"
	"slices"
)

// logHistogram counts finite float32 by sign, exponent and the 11 leading bits of the significand: a bin is narrower
// than 2^-11 of its numbers. So its resolution does not depend on outliers, batches need no common range, and their
// order does not matter. A bin of x stands at its middle; 0 has its own.
type logHistogram struct {
	lo, hi float32 // exact
	n      uint64
	counts map[int32]uint64 // by the number of the bin, ascending with x
}

// binShift is how many bits of a float32 tell the numbers of a bin apart.
const binShift = 23 - 11

func (h *logHistogram) add(x float32) {
	if h.n == 0 {
		h.lo, h.hi, h.counts = x, x, map[int32]uint64{}
	}
	h.lo, h.hi = min(h.lo, x), max(h.hi, x)
	h.n++
	h.counts[binNumber(x)]++
}

// binNumber is 0 for 0, and has the sign of x.
func binNumber(x float32) int32 {
	switch {
	case x < 0:
		return -binNumber(-x)
	case x > 0:
		return int32(math.Float32bits(x)>>binShift) + 1
	}
	return 0
}

func middleOfBin(number int32) float64 {
	switch {
	case number < 0:
		return -middleOfBin(-number)
	case number > 0:
		return float64(math.Float32frombits(uint32(number-1)<<binShift | 1<<(binShift-1)))
	}
	return 0
}

// bin is a bin that is not empty.
type bin struct {
	x     float64 // its middle
	count float64
}

// bins are those that are not empty, ascending.
func (h *logHistogram) bins() []bin {
	out := make([]bin, 0, len(h.counts))
	for _, number := range slices.Sorted(maps.Keys(h.counts)) {
		out = append(out, bin{middleOfBin(number), float64(h.counts[number])})
	}
	return out
}

// histograms observe each channel.
type histograms struct {
	method   string
	channels []logHistogram
}

func newHistograms(method string, channels int) histograms {
	return histograms{method, make([]logHistogram, channels)}
}

// Observe implements [Observer].
func (h *histograms) Observe(x []float32) error {
	if err := checkObserved(x, len(h.channels)); err != nil {
		return prefixed(h.method, err)
	}
	for i, v := range x {
		h.channels[i%len(h.channels)].add(v)
	}
	return nil
}

// checkEnds reports ends of ranges that are not one for each channel, and a range of nothing.
func (h *histograms) checkEnds(lo, hi []float32) error {
	return prefixed(h.method, checkRangeEnds(lo, hi, len(h.channels), h.channels[0].n > 0))
}
