package kernels

// Moments is the Loop of ChannelMoments and, if DY is set, of ChannelGradSums.
// Sum and Second have the length of Shift.
type Moments struct {
	anyCut
	Sum, Second []float64
	X, DY       Pictures[float32]
	Shift       []float32
	N           int
	part        []float32 // [picture][2][channel]
}

// Begin implements Loop.
func (l *Moments) Begin(*Pool) {
	l.part = grow(l.part, 2*l.N*len(l.Shift))
	clear(l.part)
}

// Picture implements Loop.
func (l *Moments) Picture(s *Scratch, _, n int) {
	c := len(l.Shift)
	part := l.part[2*n*c:][:2*c]
	if l.DY.Data == nil {
		momentsRow(part[:c], part[c:], l.X.At(s, n), l.Shift)
	} else {
		gradSumsRow(part[:c], part[c:], l.DY.At(s, n), l.X.At(s, n), l.Shift)
	}
}

// End implements Loop.
func (l *Moments) End(*Pool) {
	c := len(l.Shift)
	clear(l.Sum)
	clear(l.Second)
	for i := 0; i < l.N; i++ {
		part := l.part[2*i*c:][:2*c]
		for j := range l.Sum {
			l.Sum[j] += float64(part[j])
			l.Second[j] += float64(part[c+j])
		}
	}
}

// ChannelMoments adds up, over all pixels of a batch of n pictures, each
// channel's x - shift[c] and its square. Sums run in float32 within a picture
// and in float64 over pictures.
func ChannelMoments(p *Pool, n int, sum, squares []float64, x, shift []float32) {
	p.Run(n, &Moments{Sum: sum, Second: squares, X: Batch(x, n), Shift: shift, N: n})
}

// ChannelGradSums adds up, over all pixels of a batch of n pictures, each
// channel's dy and dy*(x - shift[c]).
func ChannelGradSums(p *Pool, n int, sum, dot []float64, dy, x, shift []float32) {
	p.Run(n, &Moments{Sum: sum, Second: dot, X: Batch(x, n), DY: Batch(dy[:len(x)], n), Shift: shift, N: n})
}
