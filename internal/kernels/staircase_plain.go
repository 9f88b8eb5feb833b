package kernels

// StaircaseForward is the Loop of a quantizer of X + B or, where Stream has data, of the values of its codes + B: it writes
// codes or, where Y has data, values.
type StaircaseForward struct {
	anyCut
	X, Y          Pictures[float32]
	Stream, Codes Pictures[uint8]
	From          Uniform
	B             float32
	Q             Staircase
	plain
}

// Begin implements Loop.
func (l *StaircaseForward) Begin(*Pool) { l.set(l.B) }

// Picture implements Loop.
func (l *StaircaseForward) Picture(s *Scratch, _, n int) {
	x := realsOf(s, l.X, l.Stream, &l.From, n)
	a, b := l.factors(len(x))
	q := l.Q.Picture(n)
	if l.Y.Data != nil {
		StaircaseRow(l.Y.At(s, n), x, a, b, &q)
		return
	}
	StaircaseCodesRow(l.Codes.At(s, n), x, a, b, &q)
}

// End implements Loop.
func (l *StaircaseForward) End(*Pool) {}

// StaircaseGrad is the Loop of the backward pass: DX, which may be DY, gets the gradient that passes, and the sums are those
// of [StaircaseSums].
type StaircaseGrad struct {
	anyCut
	LevelSums
	DX, DY, X Pictures[float32]
	Stream    Pictures[uint8]
	From      Uniform
	B         float32
	Q         Staircase
	N         int
	part      []float32 // [picture][5*16]
}

// Begin implements Loop.
func (l *StaircaseGrad) Begin(*Pool) {
	l.part = grow(l.part, l.N*5*lanes)
	clear(l.part)
}

// Picture implements Loop.
func (l *StaircaseGrad) Picture(s *Scratch, _, n int) {
	x := realsOf(s, l.X, l.Stream, &l.From, n)
	q := l.Q.Picture(n)
	staircasePassRow(l.DX.At(s, n), (*[5 * lanes]float32)(l.part[n*5*lanes:]), l.DY.At(s, n), x, l.B, &q)
}

// End implements Loop.
func (l *StaircaseGrad) End(*Pool) {
	var total [5]float64
	for n := range l.N {
		for i, v := range l.part[n*5*lanes:][:5*lanes] {
			total[i/lanes] += float64(v)
		}
	}
	l.LevelSums = LevelSums{DyQ: total[0], Dy: total[1], HV: total[2], H: total[3], DyBell: total[4]}
}

// plain are the factors that make x*a[c] + b[c] of x + B, for any number of channels.
type plain struct{ a, b [lanes]float32 }

func (p *plain) set(b float32) {
	for i := range p.a {
		p.a[i], p.b[i] = 1, b
	}
}

// factors are those of an array of n elements: of one channel where n is no multiple of 16.
func (p *plain) factors(n int) (a, b []float32) {
	c := lanes
	if n%lanes != 0 {
		c = 1
	}
	return p.a[:c], p.b[:c]
}

// realsOf returns picture n of x or, where stream has data, of its values.
func realsOf(s *Scratch, x Pictures[float32], stream Pictures[uint8], from *Uniform, n int) []float32 {
	if stream.Data == nil {
		return x.At(s, n)
	}
	codes := stream.At(s, n)
	y := s.float32s(0, len(codes))
	DequantizeRow(y, codes, from)
	return y
}
