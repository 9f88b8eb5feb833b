//go:build !amd64 || noasm

package kernels

func requantizeShiftRow(codes []uint8, acc, mult, shift []int32, zeroPoint, lo, hi uint8) {
	requantizeShiftRowGeneric(codes, acc, mult, shift, zeroPoint, lo, hi)
}

func addCodesShiftRow(codes, a, b []uint8, q *ShiftSum) { addCodesShiftRowGeneric(codes, a, b, q) }
