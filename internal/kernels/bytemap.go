package kernels

// CodeMap moves codes from one quantizer to another, by way of the real value:
// every code has one result, so a table holds them all.
type CodeMap struct{ table [256]uint8 }

// Set prepares the map.
func (m *CodeMap) Set(from, to Uniform) {
	for code := range m.table {
		_, q := to.clip(float32(code-int(from.ZeroPoint)) * from.Scale)
		m.table[code] = uint8(int32(roundEven(q)) + int32(to.ZeroPoint))
	}
}

// Row writes the codes in the quantizer to of those in the quantizer from. y may
// be x.
func (m *CodeMap) Row(y, x []uint8) { MapBytes(y, x, &m.table) }

// MapBytes writes y[i] = table[x[i]]. y may be x.
func MapBytes(y, x []uint8, table *[256]uint8) {
	y = y[:len(x)]
	n := mapBytes(y, x, table)
	for i, v := range x[n:] {
		y[n+i] = table[v]
	}
}
