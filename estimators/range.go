package estimators

import "fmt"

// maxBits keeps every level and every difference of two levels exact in float32. ONNX has no wider codes either.
const maxBits = 16

// Range is the set of integer levels Qn..Qp of a k-bit quantizer:
//
//	             Qn           Qp
//	unsigned     0            2^k - 1
//	signed       -2^(k-1)     2^(k-1) - 1
//	narrow       -2^(k-1)+1   2^(k-1) - 1    (signed only)
type Range struct {
	Bits   int  // k, 1 to 16
	Signed bool // levels on both sides of 0
	Narrow bool // without the lowest level, so that the levels are symmetric about 0
}

// Qn is the smallest level.
func (r Range) Qn() int {
	switch {
	case !r.Signed:
		return 0
	case r.Narrow:
		return -(1 << (r.Bits - 1)) + 1
	default:
		return -(1 << (r.Bits - 1))
	}
}

// Qp is the largest level.
func (r Range) Qp() int {
	if r.Signed {
		return 1<<(r.Bits-1) - 1
	}
	return 1<<r.Bits - 1
}

// Validate reports bits or a combination that no Range has. Qn and Qp are meaningful for valid ranges only.
func (r Range) Validate() error {
	if r.Bits < 1 || r.Bits > maxBits {
		return fmt.Errorf("%d bits; expected 1 to %d", r.Bits, maxBits)
	}
	if r.Narrow && !r.Signed {
		return fmt.Errorf("narrow range of an unsigned quantizer; expected signed, whose lowest level has no positive counterpart")
	}
	if r.Narrow && r.Bits == 1 {
		return fmt.Errorf("narrow range of 1 bit has the level 0 only; expected 2 bits or more")
	}
	return nil
}
