// Package random draws the random numbers of training: those that quantizers round and add noise with, in estimators and
// in kernels alike.
package random

import "math"

// Stream is a stream of random numbers of which any one can be had at once: number i is a hash of the seed and i, so the
// numbers of a tensor do not depend on which goroutine draws which, and kernels draw the same 16 at a time:
//
//	Start = mix(seed >> 32),  Key = seed modulo 2^32
//	bits(i) = mix(mix(i + Start) + Key)  modulo 2^32
//
// so near seeds give unrelated streams. After 2^32 numbers it starts again.
type Stream struct{ Start, Key uint32 }

// New returns the stream of a seed.
func New(seed uint64) Stream { return Stream{mix(uint32(seed >> 32)), uint32(seed)} }

func (s Stream) bits(i int) uint32 { return mix(mix(uint32(i)+s.Start) + s.Key) }

// Uniform is number i, evenly distributed over the multiples of 2^-24 in [0, 1).
func (s Stream) Uniform(i int) float32 { return float32(s.bits(i)>>8) * 0x1p-24 }

// Round rounds v at random, with number i: to floor(v) + 1 with the probability v - floor(v), else to floor(v).
func (s Stream) Round(v float32, i int) float32 {
	low := float32(math.Floor(float64(v)))
	if s.Uniform(i) < v-low {
		return low + 1
	}
	return low
}

// mix is fmix32, the last step of MurmurHash3 (Appleby 2011, https://github.com/aappleby/smhasher): a bijection of which
// each output bit depends on all input bits.
func mix(h uint32) uint32 {
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
