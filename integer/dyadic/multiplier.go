package dyadic

// Multiplier is the rational number M*2^-Shift, with a shift of 1 to 62.
type Multiplier struct {
	M     int32
	Shift uint8
}

// Round returns roundHalfEven(p*2^-shift) for |p| < 2^62 and a shift of 1 to 62.
//
// p>>shift is the floor. Adding half a unit less one carries into it what lies above the
// middle; the floor's lowest bit carries the middle itself where the floor is odd.
func Round(p int64, shift uint8) int64 {
	s := shift & 63 // spares the check for shifts of 64 and more
	return (p + (1<<(s-1) - 1) + p>>s&1) >> s
}

// span holds an output's zero point and bounds where loops find them quickly.
type span struct{ zeroPoint, lo, hi int64 }

func newSpan(zeroPoint, lo, hi uint8) span { return span{int64(zeroPoint), int64(lo), int64(hi)} }

// code brings a rounded value onto the output's codes.
func (s span) code(v int64) uint8 { return uint8(min(max(v+s.zeroPoint, s.lo), s.hi)) }

// Requantize writes the codes of sums acc, whose channels come last.
func (c *Conv) Requantize(codes []uint8, acc []int32, zeroPoint uint8) {
	s, multipliers := newSpan(zeroPoint, c.Lo, c.Hi), c.Multipliers
	for n := len(multipliers); len(acc) >= n; acc, codes = acc[n:], codes[n:] {
		row, to := acc[:n], codes[:n]
		for i, m := range multipliers {
			to[i] = s.code(Round(int64(row[i])*int64(m.M), m.Shift))
		}
	}
}
