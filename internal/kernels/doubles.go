package kernels

// ChannelTotals is the Loop that adds up each channel of x over all pixels of a batch of N pictures, each picture's in
// float64 and those in order. Sum has a length for each channel.
type ChannelTotals struct {
	anyCut
	Sum  []float64
	X    Pictures[float32]
	N    int
	part []float64 // [picture][channel]
}

// Begin implements Loop.
func (l *ChannelTotals) Begin(*Pool) {
	l.part = grow(l.part, l.N*len(l.Sum))
	clear(l.part)
}

// Picture implements Loop.
func (l *ChannelTotals) Picture(s *Scratch, _, n int) {
	c := len(l.Sum)
	channelTotalsRow(l.part[n*c:][:c], l.X.At(s, n))
}

// End implements Loop.
func (l *ChannelTotals) End(*Pool) {
	clear(l.Sum)
	for p := l.part; len(p) > 0; p = p[len(l.Sum):] {
		for j := range l.Sum {
			l.Sum[j] += p[j]
		}
	}
}

func channelTotalsRowGeneric(sum []float64, x []float32) {
	for ; len(x) > 0; x = x[len(sum):] {
		for j, v := range x[:len(sum)] {
			sum[j] += float64(v)
		}
	}
}

// Matrix is a matrix in the memory of Data: an element is Row further than the one above it, Col further than the one to
// its left.
type Matrix struct {
	Data     []float32
	Row, Col int
}

// matrixPiece is how many rows of y are computed from one packing of the columns of b.
const matrixPiece = 256

// Product computes Y = init + A*B of matrices (M, K), (K, N) and (M, N), none of them empty, with the Init of each column,
// or 0 without any. The sums run in float64 in the order of K, products are exact, and each sum is rounded once.
type Product struct {
	Y, A, B Matrix
	M, K, N int
	Init    []float32
	scratch Scratch // without a pool
}

// Run computes Y; without a pool, the calling goroutine does it.
func (l *Product) Run(p *Pool) {
	pieces := blocksOf(l.N) * ((l.M + matrixPiece - 1) / matrixPiece)
	if p != nil {
		loop(p, pieces, l, func(s *Scratch, piece int, l **Product) { (*l).run(s, piece) })
		return
	}
	for piece := range pieces {
		l.run(&l.scratch, piece)
	}
}

// run computes 16 columns of some rows.
func (l *Product) run(s *Scratch, piece int) {
	from := piece % blocksOf(l.N) * lanes
	row := piece / blocksOf(l.N) * matrixPiece
	width, rows := min(lanes, l.N-from), min(matrixPiece, l.M-row)
	b, y := s.float32s(0, l.K*lanes), s.float32s(1, rows*lanes)
	for j := range l.K {
		d := b[j*lanes:][:lanes]
		if l.B.Col == 1 {
			copy(d[:width], l.B.Data[j*l.B.Row+from:])
		} else {
			for i := range width {
				d[i] = l.B.Data[j*l.B.Row+(from+i)*l.B.Col]
			}
		}
		clear(d[width:])
	}
	var init [lanes]float32
	if l.Init != nil {
		copy(init[:width], l.Init[from:])
	}
	matrixRows(y, &init, l.A.Data[row*l.A.Row:], b, rows, l.K, l.A.Row, l.A.Col)
	for r := range rows {
		d := l.Y.Data[(row+r)*l.Y.Row+from*l.Y.Col:]
		for i, v := range y[r*lanes:][:width] {
			d[i*l.Y.Col] = v
		}
	}
}

func matrixRowsGeneric(y []float32, init *[lanes]float32, a, b []float32, rows, k, aRow, aStep int) {
	for r := range rows {
		var acc [lanes]float64
		for l, v := range init {
			acc[l] = float64(v)
		}
		for j := range k {
			x := float64(a[r*aRow+j*aStep])
			for l, v := range b[j*lanes:][:lanes] {
				acc[l] += x * float64(v)
			}
		}
		for l, v := range acc {
			y[r*lanes+l] = float32(v)
		}
	}
}
