package kernels

// wgrad describes to a kernel the weight gradient of one kernel row, summed
// over some rows of a picture. Strides count float32.
//
//	for k < kRun, l < 16*blocks:
//	  acc = dw[k*dwRow + l]
//	  for i < rows, j < cols: acc += x[i*xRow + j*xPix + k] * dy[i*dyRow + j*dyPix + l]
//	  dw[k*dwRow + l] = acc
type wgrad struct {
	dw, x, dy    *float32
	rows, cols   int
	blocks       int // 1 or 2
	kRun         int
	xRow, xPix   int
	dyRow, dyPix int
	dwRow        int
}

// A batch is cut into at most gradPieces partial sums of together at most
// gradFloats numbers. The cut depends on the geometry only, because the order
// of a sum must not depend on the number of threads.
const (
	gradPieces = 16
	gradFloats = 1 << 21
)

type wgradArgs struct {
	g         Conv
	dw, x, dy []float32
	codes     []uint8 // instead of x, which is scale*(codes - zeroPoint)
	zeroPoint uint8
	scale     float32
	partial   []float32 // [pieces][pair of blocks of Cout][K*K*Cin][32, or 16 in an odd last]
	size      int       // length of a partial sum
	pieces    int
	rows      int // K*K*Cin
	pairs     int
	together  bool // one piece of work does all pairs of a partial sum
}

// pair is two neighbouring blocks of output channels, or an odd last one.
type pair struct {
	blocks   int
	width    int // lanes
	from, to int // output channels; fewer than width in a last, partly filled block
}

func (a *wgradArgs) pair(i int) pair {
	from := 2 * i * lanes
	blocks := min(2, blocksOf(a.g.Cout)-2*i)
	return pair{blocks, blocks * lanes, from, min(from+blocks*lanes, a.g.Cout)}
}

// ConvWeightGrad computes dw (K, K, Cin, Cout) = sum over the batch of
// x (N, H, W, Cin) against dy (N, OutH, OutW, Cout).
func ConvWeightGrad(p *Pool, g Conv, dw, x, dy []float32) {
	weightGrad(p, wgradArgs{g: g, dw: dw, x: x[:g.InLen()], dy: dy, scale: 1})
}

// ConvWeightGradCodes is ConvWeightGrad for an input that is quantized:
// x = scale*(codes - zeroPoint), padded with real zeros.
func ConvWeightGradCodes(p *Pool, g Conv, dw []float32, codes []uint8, zeroPoint uint8, scale float32, dy []float32) {
	weightGrad(p, wgradArgs{g: g, dw: dw, codes: codes[:g.InLen()], zeroPoint: zeroPoint, dy: dy, scale: scale})
}

func weightGrad(p *Pool, a wgradArgs) {
	g := &a.g
	a.dw, a.dy = a.dw[:g.WeightLen()], a.dy[:g.OutLen()]
	if g.N == 0 {
		clear(a.dw)
		return
	}
	nb := blocksOf(g.Cout)
	a.rows, a.pairs = g.K*g.K*g.Cin, (nb+1)/2
	a.size = a.rows * nb * lanes
	a.pieces = min(gradPieces, g.N, max(1, gradFloats/a.size))
	a.together = a.pieces == min(gradPieces, g.N)
	a.partial = p.shared(a.pieces * a.size)
	if a.together {
		loop(p, a.pieces, a, func(s *Scratch, i int, a *wgradArgs) { a.partialSum(s, i, 0, a.pairs) })
	} else {
		loop(p, a.pieces*a.pairs, a, func(s *Scratch, i int, a *wgradArgs) {
			a.partialSum(s, i/a.pairs, i%a.pairs, i%a.pairs+1)
		})
	}
	loop(p, a.pairs*g.K*g.K, a, func(_ *Scratch, i int, a *wgradArgs) { a.total(i/(a.g.K*a.g.K), i%(a.g.K*a.g.K)) })
}

// partialSum adds up the weight gradient over the pictures of a piece, for the
// given pairs.
func (a *wgradArgs) partialSum(s *Scratch, piece, first, last int) {
	g := &a.g
	oh, ow := g.OutH(), g.OutW()
	rowLen, run := g.padW()*g.Cin, g.K*g.Cin
	sum := a.partial[piece*a.size:][:a.size]
	end := a.pair(last - 1)
	clear(sum[a.pair(first).from*a.rows : (end.from+end.width)*a.rows])
	for n := piece * g.N / a.pieces; n < (piece+1)*g.N/a.pieces; n++ {
		xp := a.padded(s, n)
		for i := first; i < last; i++ {
			q := a.pair(i)
			part := sum[q.from*a.rows:][:a.rows*q.width]
			dy := a.dy[n*g.outImage():][:g.outImage()]
			if q.width != g.Cout {
				dy = gather(s.float32s(1, oh*ow*q.width), dy, g.Cout, q)
			}
			// Few rows at a time, so that x and dy stay in the first-level cache
			// while all of dw passes over them.
			step := max(1, wgradCache/(g.Stride*rowLen+ow*q.width))
			for i := 0; i < oh; i += step {
				for r := range g.K {
					wgradRow(&wgrad{
						dw: &part[r*run*q.width], x: &xp[(i*g.Stride+r)*rowLen], dy: &dy[i*ow*q.width],
						rows: min(step, oh-i), cols: ow, blocks: q.blocks, kRun: run,
						xRow: g.Stride * rowLen, xPix: g.Stride * g.Cin,
						dyRow: ow * q.width, dyPix: q.width, dwRow: q.width,
					})
				}
			}
		}
	}
}

// wgradCache is how many float32 of x and dy one call of wgradRow reads.
const wgradCache = 5 << 10

// padded returns picture n in float32 with its border.
func (a *wgradArgs) padded(s *Scratch, n int) []float32 {
	g := &a.g
	xp := s.float32s(0, g.padH()*g.padW()*g.Cin)
	if a.codes == nil {
		padImage(xp, a.x[n*g.inImage():], g.H, g.W, g.Cin, border{g.Pad, g.Pad, g.Pad, g.Pad})
		return xp
	}
	rowLen := g.padW() * g.Cin
	clear(xp[:g.Pad*rowLen])
	for i := 0; i < g.H; i++ {
		d := xp[(i+g.Pad)*rowLen:][:rowLen]
		clear(d[:g.Pad*g.Cin])
		codesToFloat(d[g.Pad*g.Cin:][:g.W*g.Cin], a.codes[n*g.inImage()+i*g.W*g.Cin:][:g.W*g.Cin], a.zeroPoint)
		clear(d[(g.Pad+g.W)*g.Cin:])
	}
	clear(xp[(g.H+g.Pad)*rowLen:])
	return xp
}

// total adds a pair's partial sums of one kernel tap, in piece order whatever
// the threads did, into the first and writes them to dw.
func (a *wgradArgs) total(i, tap int) {
	q, cin := a.pair(i), a.g.Cin
	lo := q.from*a.rows + tap*cin*q.width
	hi := lo + cin*q.width
	sum := a.partial[lo:hi]
	for piece := 1; piece < a.pieces; piece++ {
		addRow(sum, sum, a.partial[piece*a.size:][lo:hi])
	}
	if a.scale != 1 {
		for i := range sum {
			sum[i] *= a.scale
		}
	}
	for ci := range cin {
		copy(a.dw[(tap*cin+ci)*a.g.Cout:][q.from:q.to], sum[ci*q.width:])
	}
}

// gather copies a pair's channels of src (pixels, channels) into dst (pixels,
// width). Channels beyond the last hold anything, because their gradients are
// not copied out.
func gather(dst, src []float32, channels int, q pair) []float32 {
	for d := dst; len(d) > 0; d, src = d[q.width:], src[channels:] {
		copy(d[:q.width], src[q.from:q.to])
	}
	return dst
}
