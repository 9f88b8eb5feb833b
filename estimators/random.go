package estimators

// draws is a stream of random numbers of which any one can be had at once: number i is a hash of the seed and i, so the
// numbers of a tensor do not depend on which goroutine draws which, and kernels draw the same 16 at a time:
//
//	bits(i) = mix(mix(i + mix(seed >> 32)) + seed)  modulo 2^32
//
// so near seeds give unrelated streams. After 2^32 numbers it starts again.
type draws struct{ start, key uint32 }

func newDraws(seed uint64) draws { return draws{mix(uint32(seed >> 32)), uint32(seed)} }

// bits are the 32 random bits of element i.
func (d draws) bits(i int) uint32 { return mix(mix(uint32(i)+d.start) + d.key) }

// uniform is the number of element i, evenly distributed over the multiples of 2^-24 in [0, 1).
func (d draws) uniform(i int) float32 { return float32(d.bits(i)>>8) * 0x1p-24 }

// mix is fmix32, the last step of MurmurHash3 (Appleby 2011, https://github.com/aappleby/smhasher): a bijection of which
// each output bit depends on all input bits.
func mix(h uint32) uint32 {
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
