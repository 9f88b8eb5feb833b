package kernels

import "math"

// draws are random numbers: those of package estimators, bit for bit,
//
//	bits(i) = mix(mix(i + start) + key)  modulo 2^32
//
// with mix the fmix32 of MurmurHash3 (Appleby 2011, https://github.com/aappleby/smhasher).
type draws struct{ start, key uint32 }

func newDraws(seed uint64) draws { return draws{mix(uint32(seed >> 32)), uint32(seed)} }

func (d draws) bits(i int) uint32 { return mix(mix(uint32(i)+d.start) + d.key) }

func mix(h uint32) uint32 {
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// round rounds v to floor(v), or up where a number that is even on [0, 1), that of element i, is below v - floor(v).
func (d draws) round(v float32, i int) float32 {
	low := float32(math.Floor(float64(v)))
	if float32(d.bits(i)>>8) < (v-low)*0x1p24 {
		return low + 1
	}
	return low
}

// Picture returns the quantizer of picture n. If Random, it draws number i of the seed Seed + n for element i of the
// picture, in every walk the same.
func (q *Staircase) Picture(n int) Staircase {
	p := *q
	p.Seed += uint64(n)
	return p
}
