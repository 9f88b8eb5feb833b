package export

import "fmt"

// packedLen returns the bytes that n fields of the given bits take.
func packedLen(n, bits int) int { return (n*bits + 7) / 8 }

// pack stores integers as two's complement fields of the given bits, 1 to 8:
// bit j of element i is bit (i*bits + j)%8 of byte (i*bits + j)/8, the lowest
// bit of a byte first. Bits after the last element are 0.
func pack(values []int8, bits int) []byte {
	out := make([]byte, packedLen(len(values), bits))
	for i, v := range values {
		field := uint16(uint8(v)&(1<<bits-1)) << (i * bits % 8)
		out[i*bits/8] |= byte(field)
		if high := byte(field >> 8); high != 0 {
			out[i*bits/8+1] |= high
		}
	}
	return out
}

// unpack reverses pack for n elements.
func unpack(data []byte, n, bits int) ([]int8, error) {
	// n*bits is computed only once n is known to be small.
	if n < 0 || n > len(data)*8/bits || packedLen(n, bits) != len(data) {
		return nil, fmt.Errorf("%d bytes do not hold %d integers of %d bits", len(data), n, bits)
	}
	if used := n * bits % 8; used > 0 && data[len(data)-1]>>used != 0 {
		return nil, fmt.Errorf("the bits after the last of %d integers of %d bits are not 0", n, bits)
	}
	out := make([]int8, n)
	for i := range out {
		at := i * bits
		field := uint16(data[at/8]) >> (at % 8)
		if at%8+bits > 8 {
			field |= uint16(data[at/8+1]) << (8 - at%8)
		}
		out[i] = int8(field<<(8-bits)) >> (8 - bits) // extends the sign
	}
	return out, nil
}

// transpose turns weights (pixels, in, out), the order of package integer, into
// (out, in, pixels), the order of most frameworks.
func transpose(w []int8, pixels, in, out int) []int8 {
	t := make([]int8, len(w))
	for p := range pixels {
		for i := range in {
			for o := range out {
				t[(o*in+i)*pixels+p] = w[(p*in+i)*out+o]
			}
		}
	}
	return t
}
