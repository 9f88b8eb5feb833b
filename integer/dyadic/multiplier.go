package dyadic

// Multiplier is the rational number M*2^-Shift, with a shift of 1 to 62.
type Multiplier struct {
	M     int32
	Shift uint8
}

// split returns the parts of multipliers.
func split(multipliers []Multiplier) (m, shift []int32) {
	for _, v := range multipliers {
		m, shift = append(m, v.M), append(shift, int32(v.Shift))
	}
	return m, shift
}
