package kernels

// CodeMap moves codes from one quantizer to another, by way of the real value:
// every code has one result, so a table holds them all.
type CodeMap struct {
	from, to Step
	table    [256]uint8
}

// Set prepares the map.
func (m *CodeMap) Set(from, to Step) {
	m.from, m.to = from, to
	var codes [256]uint8
	for i := range codes {
		codes[i] = uint8(i)
	}
	requantizeCodesRowGeneric(m.table[:], codes[:], &from, &to)
}

// Row writes the codes in the quantizer to of those in the quantizer from. y may
// be x.
func (m *CodeMap) Row(y, x []uint8) {
	y = y[:len(x)]
	n := mapBytes(y, x, &m.table)
	requantizeCodesRow(y[n:], x[n:], &m.from, &m.to)
}

// MapBytes writes y[i] = table[x[i]]. y may be x.
func MapBytes(y, x []uint8, table *[256]uint8) {
	y = y[:len(x)]
	n := mapBytes(y, x, table)
	for i, v := range x[n:] {
		y[n+i] = table[v]
	}
}
