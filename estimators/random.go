package estimators

// draws is a stream of random numbers of which any one can be had at once: number i is a hash of the seed and i, so the
// numbers of a tensor do not depend on which goroutine draws which. The hash is splitmix64, Steele et al. 2014,
// https://doi.org/10.1145/2660193.2660195, from a start that is itself hashed, so that near seeds give unrelated
// streams.
type draws uint64

func newDraws(seed uint64) draws { return draws(splitmix(seed)) }

// bits are the 64 random bits of element i.
func (d draws) bits(i int) uint64 {
	const gamma = 0x9e3779b97f4a7c15
	return splitmix(uint64(d) + (uint64(i)+1)*gamma)
}

// uniform is the number of element i, evenly distributed over the multiples of 2^-24 in [0, 1).
func (d draws) uniform(i int) float32 { return float32(d.bits(i)>>40) * 0x1p-24 }

// splitmix is the output function of splitmix64: a bijection of which each output bit depends on all input bits.
func splitmix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
