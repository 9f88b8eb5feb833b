package kernels

// RoundShift returns roundHalfEven(p*2^-shift) for |p| < 2^62 and a shift of 1 to 62.
//
// p>>shift is the floor. Adding half a unit less one carries into it what lies above
// the middle; the floor's lowest bit carries the middle itself where the floor is odd.
func RoundShift(p int64, shift int32) int64 {
	s := uint32(shift) & 63 // spares the check for shifts of 64 and more
	return (p + (1<<(s-1) - 1) + p>>s&1) >> s
}

// RequantizeShift writes
//
//	codes[i] = min(max(roundHalfEven(acc[i]*mult[c]*2^-shift[c]) + zeroPoint, lo), hi)
//
// in 64-bit integers, c = i mod len(mult): Requantize without floating point. shift is
// 1 to 62. It runs on the calling goroutine.
func RequantizeShift(codes []uint8, acc, mult, shift []int32, zeroPoint, lo, hi uint8) {
	n := len(acc) / len(mult) * len(mult)
	requantizeShiftRow(codes[:n], acc[:n], mult, shift[:len(mult)], zeroPoint, lo, hi)
}

// ShiftSum is a CodeSum without floating point:
//
//	code = min(max(roundHalfEven(((a - ZeroA)*MultA + (b - ZeroB)*MultB)*2^-Shift) + ZeroPoint, Lo), Hi)
//
// in 64-bit integers, with a shift of 1 to 62.
type ShiftSum struct {
	MultA, MultB      int32
	ZeroA, ZeroB      uint8
	Shift             int32
	ZeroPoint, Lo, Hi uint8
}

// AddCodesShift writes the codes of the sums of a and b.
func AddCodesShift(codes, a, b []uint8, q *ShiftSum) {
	addCodesShiftRow(codes[:len(a)], a, b[:len(a)], q)
}

// code brings a rounded value onto the codes lo to hi.
func code(v int64, zeroPoint, lo, hi uint8) uint8 {
	return uint8(min(max(v+int64(zeroPoint), int64(lo)), int64(hi)))
}

func requantizeShiftRowGeneric(codes []uint8, acc, mult, shift []int32, zeroPoint, lo, hi uint8) {
	for c := len(mult); len(acc) > 0; acc, codes = acc[c:], codes[c:] {
		for j, m := range mult {
			codes[j] = code(RoundShift(int64(acc[j])*int64(m), shift[j]), zeroPoint, lo, hi)
		}
	}
}

func addCodesShiftRowGeneric(codes, a, b []uint8, q *ShiftSum) {
	ma, mb, za, zb := int64(q.MultA), int64(q.MultB), int64(q.ZeroA), int64(q.ZeroB)
	for i, x := range a {
		p := (int64(x)-za)*ma + (int64(b[i])-zb)*mb
		codes[i] = code(RoundShift(p, q.Shift), q.ZeroPoint, q.Lo, q.Hi)
	}
}
