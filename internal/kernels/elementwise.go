package kernels

// chunk is how many elements of an element-wise pass make one piece of work.
const chunk = 1 << 14

// maps holds the arguments of an element-wise pass; y is the output.
type maps struct {
	y, x, g, a, b, d []float32
	n, step          int
	body             func(m *maps, lo, hi int)
}

// overRows runs m.body on consecutive ranges of n elements, cut between rows
// of c. The body captures nothing, so that a call allocates nothing.
func overRows(p *Pool, n, c int, m maps) {
	rows := n / c
	per := max(1, chunk/c)
	m.n, m.step = rows*c, per*c
	loop(p, (rows+per-1)/per, m, func(_ *Scratch, i int, m *maps) {
		m.body(m, i*m.step, min((i+1)*m.step, m.n))
	})
}

// ReLU computes y = max(x, 0). NaN gives 0. y may be x.
func ReLU(p *Pool, y, x []float32) {
	overRows(p, len(x), 1, maps{y: y, x: x, body: func(m *maps, lo, hi int) { reluRow(m.y[lo:hi], m.x[lo:hi]) }})
}

// ReLUGrad computes dx = dy where y > 0, else 0; y is ReLU's output. dx may be
// dy.
func ReLUGrad(p *Pool, dx, y, dy []float32) {
	overRows(p, len(y), 1, maps{y: dx, x: y, g: dy, body: func(m *maps, lo, hi int) {
		reluGradRow(m.y[lo:hi], m.x[lo:hi], m.g[lo:hi])
	}})
}

// Add computes y = a + b. y may be a or b.
func Add(p *Pool, y, a, b []float32) {
	overRows(p, len(y), 1, maps{y: y, x: a, g: b, body: func(m *maps, lo, hi int) {
		addRow(m.y[lo:hi], m.x[lo:hi], m.g[lo:hi])
	}})
}

// Affine computes y[i] = x[i]*a[c] + b[c] with one rounding, c = i mod len(a):
// batch normalization with its factors folded. y may be x.
func Affine(p *Pool, y, x, a, b []float32) {
	overRows(p, len(x), len(a), maps{y: y, x: x, a: a, b: b[:len(a)], body: func(m *maps, lo, hi int) {
		affineRow(m.y[lo:hi], m.x[lo:hi], m.a, m.b)
	}})
}

// Affine2 computes y[i] = g[i]*a[c] + (x[i]*b[c] + d[c]), each step with one
// rounding: the input gradient of batch normalization. y may be g or x.
func Affine2(p *Pool, y, g, x, a, b, d []float32) {
	overRows(p, len(x), len(a), maps{y: y, g: g, x: x, a: a, b: b[:len(a)], d: d[:len(a)], body: func(m *maps, lo, hi int) {
		affine2Row(m.y[lo:hi], m.g[lo:hi], m.x[lo:hi], m.a, m.b, m.d)
	}})
}

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
