package dyadic

import "encoding/binary"

// Sums computes acc[o] = bias[o] + sum (code - zeroPoint)*w of one image, for
// w (codes, outputs).
func Sums(acc []int32, codes []uint8, zeroPoint uint8, w []int8, bias []int32) {
	n := len(acc)
	copy(acc, bias)
	for c, v := range codes {
		x := int32(v) - int32(zeroPoint)
		if x == 0 {
			continue
		}
		for o, weight := range w[c*n:][:n] {
			acc[o] += x * int32(weight)
		}
	}
}

// SumPixels adds the pixels x to the sums of their channels, eight bytes at a time
// as two times four sums of 16 bits, which hold 257 pixels.
func SumPixels(acc []int32, x []uint8) {
	const even, most = 0x00ff00ff00ff00ff, 257
	channels := len(acc)
	for ; len(x) > 0; x = x[min(most*channels, len(x)):] {
		part := x[:min(most*channels, len(x))]
		c := 0
		for ; c+8 <= channels; c += 8 {
			var low, high uint64
			for at := c; at < len(part); at += channels {
				v := binary.LittleEndian.Uint64(part[at:])
				low += v & even
				high += v >> 8 & even
			}
			for i := range 4 {
				acc[c+2*i] += int32(low >> (16 * i) & 0xffff)
				acc[c+2*i+1] += int32(high >> (16 * i) & 0xffff)
			}
		}
		for ; c < channels; c++ {
			for at := c; at < len(part); at += channels {
				acc[c] += int32(part[at])
			}
		}
	}
}
