package export

import (
	"fmt"

	"github.com/qat-go/qat/integer"
)

// packedLen returns the bytes that n fields of the given bits take.
func packedLen(n, bits int) int { return (n*bits + 7) / 8 }

// pack stores integers as two's complement fields of the given bits, 1 to 32: bit j
// of element i is bit (i*bits + j)%8 of byte (i*bits + j)/8, the lowest bit of a byte
// first. Bits after the last element are 0.
func pack[T int8 | int32](values []T, bits int) []byte {
	out := make([]byte, 0, packedLen(len(values), bits))
	var held uint64 // fields that have not left yet
	n := 0          // bits in it
	for _, v := range values {
		held |= uint64(v) & (1<<bits - 1) << n
		for n += bits; n >= 8; n -= 8 {
			out = append(out, byte(held))
			held >>= 8
		}
	}
	if n > 0 {
		out = append(out, byte(held))
	}
	return out
}

// unpack reverses pack for n elements.
func unpack[T int8 | int32](data []byte, n, bits int) ([]T, error) {
	// n*bits is computed only once n is known to be small.
	if n < 0 || n > len(data)*8/bits || packedLen(n, bits) != len(data) {
		return nil, fmt.Errorf("%d bytes do not hold %d integers of %d bits", len(data), n, bits)
	}
	if used := n * bits % 8; used > 0 && data[len(data)-1]>>used != 0 {
		return nil, fmt.Errorf("the bits after the last of %d integers of %d bits are not 0", n, bits)
	}
	out := make([]T, n)
	var held uint64
	have := 0
	for i := range out {
		for ; have < bits; have += 8 {
			held |= uint64(data[0]) << have
			data = data[1:]
		}
		out[i] = T(int64(held<<(64-bits)) >> (64 - bits)) // extends the sign
		held >>= bits
		have -= bits
	}
	return out, nil
}

// levels are the values that a packed weight can have.
type levels string

// signs are the levels of one bit that are -1 (bit 1) and 1 (bit 0).
const signs levels = "sign"

// levelsOf returns the levels of weights that have bits.
func levelsOf(bits int) levels {
	if bits == 1 {
		return signs
	}
	return levels(fmt.Sprintf("int%d", bits))
}

// bits returns the bits of a weight, 0 for unknown levels.
func (l levels) bits() int {
	switch {
	case l == signs:
		return 1
	case len(l) == 4 && l[:3] == "int" && l[3] >= '2' && l[3] <= '8':
		return int(l[3] - '0')
	}
	return 0
}

// pack returns the fields of weights with these levels.
func (l levels) pack(w []int8) []byte {
	if l == signs {
		negative := make([]int8, len(w))
		for i, v := range w {
			negative[i] = (v - 1) / 2 // 1 and -1 become 0 and -1
		}
		w = negative
	}
	return pack(w, l.bits())
}

// unpack reverses pack for n weights.
func (l levels) unpack(data []byte, n int) ([]int8, error) {
	w, err := unpack[int8](data, n, l.bits())
	if l == signs {
		for i, v := range w {
			w[i] = 2*v + 1 // 0 and -1 become 1 and -1
		}
	}
	return w, err
}

// bitsOf returns the smallest number of bits, 1 or more, that hold every value.
func bitsOf(values []int32) int {
	bits := 1
	for _, v := range values {
		for int64(v) < -1<<(bits-1) || int64(v) >= 1<<(bits-1) {
			bits++
		}
	}
	return bits
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

// outputsFirst returns a layer's weights as (out, in, height, width).
func outputsFirst(w *integer.Weights) []int8 {
	return transpose(w.Codes, w.Height*w.Width, w.In, w.Out)
}
