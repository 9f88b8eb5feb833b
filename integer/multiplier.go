package integer

import (
	"fmt"
	"math"

	"github.com/qat-go/qat/integer/dyadic"
	"github.com/qat-go/qat/internal/kernels"
)

// maxShift keeps |acc*M| + 2^(Shift-1) within int64.
const maxShift = 62

// multipliers are the dyadic forms of numbers. A multiplier m, the float32 number of the target float32, becomes
//
//	M*2^-e,  e = the largest integer up to 62 with |m|*2^e < 2^31,  M = roundHalfEven(m*2^e)
//
// so that M*2^-e is m itself, unless |m| < 2^-39, where no sum can reach half a code.
// Targets differ where float32 rounds a product across the middle between two codes.
// |m| >= 2^30 is an error.
func multipliers(real []float32) ([]dyadic.Multiplier, error) {
	m := make([]dyadic.Multiplier, len(real))
	for c, v := range real {
		var err error
		if m[c], err = multiplier(v); err != nil {
			return nil, fmt.Errorf("channel %d: %w", c, err)
		}
	}
	return m, nil
}

// single is the dyadic form of the only multiplier of a layer.
func single(real float32) ([]dyadic.Multiplier, error) {
	m, err := multiplier(real)
	return []dyadic.Multiplier{m}, err
}

// multiplier is the dyadic form of a finite number.
func multiplier(real float32) (dyadic.Multiplier, error) {
	_, exponent := math.Frexp(float64(real)) // 2^(exponent-1) <= |real| < 2^exponent
	shift := min(31-exponent, maxShift)
	if shift < 1 || !finite(real) {
		return dyadic.Multiplier{}, fmt.Errorf("a multiplier of %g, want less than 2^30", real)
	}
	return dyadic.Multiplier{M: scaled(real, uint8(shift)), Shift: uint8(shift)}, nil
}

// scaled is roundHalfEven(real*2^shift), which is exact in float64 before it is rounded.
func scaled(real float32, shift uint8) int32 {
	return int32(math.RoundToEven(math.Ldexp(float64(real), int(shift))))
}

// rounding takes sums (pixels, channels) to codes.
type rounding interface {
	Row(codes []uint8, acc []int32)
}

// rounding returns that of the network's target to the codes lo..hi of t, with a multiplier a channel: real numbers, or
// their dyadic forms m.
func (r *Runner) rounding(t Tensor, lo, hi uint8, real []float32, m []dyadic.Multiplier) rounding {
	if r.net.Target == Dyadic {
		return dyadic.NewRounding(m, t.ZeroPoint, lo, hi)
	}
	return &float32Rounding{real, float32(t.ZeroPoint), float32(lo), float32(hi)}
}

type float32Rounding struct {
	multiplier        []float32
	zeroPoint, lo, hi float32
}

func (r *float32Rounding) Row(codes []uint8, acc []int32) {
	kernels.Requantize(codes, acc, r.multiplier, r.zeroPoint, r.lo, r.hi)
}
