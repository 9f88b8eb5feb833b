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

// ChannelMoments adds up, over all pixels of a batch of n pictures, each
// channel's x - shift[c] and its square. Sums run in float32 within a picture
// and in float64 over pictures.
func ChannelMoments(p *Pool, n int, sum, squares []float64, x, shift []float32) {
	channelSums(p, n, sum, squares, sums{x: x, shift: shift})
}

// ChannelGradSums adds up, over all pixels of a batch of n pictures, each
// channel's dy and dy*(x - shift[c]).
func ChannelGradSums(p *Pool, n int, sum, dot []float64, dy, x, shift []float32) {
	channelSums(p, n, sum, dot, sums{x: x, dy: dy[:len(x)], shift: shift})
}

type sums struct {
	x, dy, shift []float32
	part         []float32 // [picture][2][channel]
	each         int
}

func channelSums(p *Pool, n int, first, second []float64, a sums) {
	c := len(a.shift)
	a.part, a.each = p.shared(2*n*c), len(a.x)/max(n, 1)
	clear(a.part)
	loop(p, n, a, func(_ *Scratch, i int, a *sums) {
		c, lo, hi := len(a.shift), i*a.each, (i+1)*a.each
		s := a.part[2*i*c:][:2*c]
		if a.dy == nil {
			momentsRow(s[:c], s[c:], a.x[lo:hi], a.shift)
		} else {
			gradSumsRow(s[:c], s[c:], a.dy[lo:hi], a.x[lo:hi], a.shift)
		}
	})
	clear(first)
	clear(second)
	for i := 0; i < n; i++ {
		s := a.part[2*i*c:][:2*c]
		for j := range first {
			first[j] += float64(s[j])
			second[j] += float64(s[c+j])
		}
	}
}
