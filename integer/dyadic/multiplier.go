package dyadic

import "github.com/qat-go/qat/internal/kernels"

// Multiplier is the rational number M*2^-Shift, with a shift of 1 to 62.
type Multiplier struct {
	M     int32
	Shift uint8
}

// Round brings each of values to roundHalfEven(value*m[i]), which is the value itself where m[i] is 1.
func Round(values []int32, m []Multiplier) {
	for i, m := range m {
		values[i] = int32(kernels.RoundShift(int64(values[i])*int64(m.M), int32(m.Shift)))
	}
}

// Rounding takes sums to codes:
//
//	code = clamp(roundHalfEven(acc*M[c]*2^-Shift[c]) + ZeroPoint, Lo, Hi)
type Rounding struct {
	m, shift          []int32
	zeroPoint, lo, hi uint8
}

// NewRounding returns the rounding with a multiplier a channel.
func NewRounding(m []Multiplier, zeroPoint, lo, hi uint8) *Rounding {
	r := &Rounding{zeroPoint: zeroPoint, lo: lo, hi: hi}
	for _, v := range m {
		r.m, r.shift = append(r.m, v.M), append(r.shift, int32(v.Shift))
	}
	return r
}

// Row writes the codes of sums (pixels, channels).
func (r *Rounding) Row(codes []uint8, acc []int32) {
	if len(r.m) > 0 { // else it is the zero value
		kernels.RequantizeShift(codes, acc, r.m, r.shift, r.zeroPoint, r.lo, r.hi)
	}
}

// Table has the code of each code less zeroPoint, with one multiplier.
func (r *Rounding) Table(zeroPoint uint8) *[256]uint8 {
	var table [256]uint8
	values := make([]int32, len(table))
	for v := range values {
		values[v] = int32(v) - int32(zeroPoint)
	}
	r.Row(table[:], values)
	return &table
}

// Convolution returns the loop of a convolution of codes with weights, whose sums are rounded to dst.
func (r *Rounding) Convolution(weights *kernels.IntWeights, codes kernels.Pictures[uint8], zeroPoint uint8, bias []int32, dst kernels.Pictures[uint8]) kernels.Loop {
	return &kernels.IntForward{
		Weights: weights, Codes: codes, ZeroPoint: zeroPoint, Bias: bias,
		Sums: func(s *kernels.Scratch, n int, acc []int32) { r.Row(dst.At(s, n), acc) },
	}
}
