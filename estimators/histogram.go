package estimators

import "math"

// logHistogram counts finite float32 by sign, exponent and the 11 leading bits of the significand: a bin is narrower
// than 2^-11 of its numbers. So its resolution does not depend on outliers, batches need no common range, and their
// order does not matter. A bin of x stands at its middle; 0 has its own.
type logHistogram struct {
	lo, hi float32 // exact
	n      uint64
	zeros  uint64
	pages  [2][256]*[1 << pageBits]uint64 // by sign and exponent, nil where nothing is; then by the leading bits
}

const (
	pageBits = 11
	binShift = 23 - pageBits // how many bits of a float32 tell the numbers of a bin apart
)

func (h *logHistogram) add(x float32) {
	if h.n == 0 {
		h.lo, h.hi = x, x
	}
	h.lo, h.hi = min(h.lo, x), max(h.hi, x)
	h.n++
	if x == 0 {
		h.zeros++
		return
	}
	bits := math.Float32bits(x)
	page := &h.pages[bits>>31][bits>>23&0xFF]
	if *page == nil {
		*page = new([1 << pageBits]uint64)
	}
	(*page)[bits>>binShift&(1<<pageBits-1)]++
}

// bin is a bin that is not empty.
type bin struct {
	x     float64 // its middle
	count float64
}

// bins are those that are not empty, ascending.
func (h *logHistogram) bins() []bin {
	var out []bin
	for exponent := 255; exponent >= 0; exponent-- { // of negative x, the largest magnitudes first
		page := h.pages[1][exponent]
		for i := 1<<pageBits - 1; page != nil && i >= 0; i-- {
			if count := page[i]; count > 0 {
				out = append(out, bin{-middleOfBin(exponent, i), float64(count)})
			}
		}
	}
	if h.zeros > 0 {
		out = append(out, bin{0, float64(h.zeros)})
	}
	for exponent, page := range h.pages[0] {
		for i := 0; page != nil && i < 1<<pageBits; i++ {
			if count := page[i]; count > 0 {
				out = append(out, bin{middleOfBin(exponent, i), float64(count)})
			}
		}
	}
	return out
}

// middleOfBin is that of the positive x with the exponent and the leading bits.
func middleOfBin(exponent, leading int) float64 {
	return float64(math.Float32frombits(uint32(exponent)<<23 | uint32(leading)<<binShift | 1<<(binShift-1)))
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
	return prefixed(h.method, checkRangeEnds(lo, hi, len(h.channels), len(h.channels) > 0 && h.channels[0].n > 0))
}
