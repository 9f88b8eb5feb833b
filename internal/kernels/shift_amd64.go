//go:build !noasm

package kernels

// fitsWord tells that sums times multipliers stay within 32 bits after their shift.
func fitsWord(shift []int32) bool {
	for _, s := range shift {
		if s < 31 {
			return false
		}
	}
	return true
}

func requantizeShiftRow(codes []uint8, acc, mult, shift []int32, zeroPoint, lo, hi uint8) {
	n, c := len(acc), len(mult)
	z := int32(zeroPoint)
	switch {
	case !blocked(n, c) || !fitsWord(shift):
		requantizeShiftRowGeneric(codes, acc, mult, shift, zeroPoint, lo, hi)
	case level == avx512:
		requantizeShiftRowAVX512(&codes[:n][0], &acc[0], &mult[0], &shift[0], n, c, z, int32(lo)-z, int32(hi)-z)
	default:
		requantizeShiftRowAVX2(&codes[:n][0], &acc[0], &mult[0], &shift[0], n, c, z, int32(lo)-z, int32(hi)-z)
	}
}

func addCodesShiftRow(codes, a, b []uint8, q *ShiftSum) {
	n := whole(len(a))
	if q.Shift < 9 { // the sums of two products stay within 32 bits from 9 on
		n = 0
	}
	if n > 0 {
		z := int32(q.ZeroPoint)
		lo, hi := int32(q.Lo)-z, int32(q.Hi)-z
		switch level {
		case avx512:
			addCodesShiftRowAVX512(&codes[:n][0], &a[0], &b[:n][0], n, q.MultA, int32(q.ZeroA), q.MultB, int32(q.ZeroB), q.Shift, z, lo, hi)
		default:
			addCodesShiftRowAVX2(&codes[:n][0], &a[0], &b[:n][0], n, q.MultA, int32(q.ZeroA), q.MultB, int32(q.ZeroB), q.Shift, z, lo, hi)
		}
	}
	addCodesShiftRowGeneric(codes[n:], a[n:], b[n:], q)
}
