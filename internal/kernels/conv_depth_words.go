package kernels

// With AVX2, codes of a depthwise 3x3 convolution are multiplied as words, in pairs of one row and the next, which lie side
// by side in a register: two pairs of rows give two rows of the output, of 8 channels, with stride 1; with stride 2 one pair
// and the row behind it give one.

const (
	wordLanes = 8
	wordTaps  = 3                            // a side
	wordsRow  = wordTaps * 2 * 2 * wordLanes // weights of a row of the output
)

// wordWeights are those of a depthwise 3x3 convolution, [block of 8 channels][row of output][column][pair][8][2]. The
// last block overlaps the one before it.
type wordWeights struct {
	words []int16
	sum   []int32 // of each channel
}

// inWords tells that depthWords computes codes of g: two rows of the output at a time with stride 1, one with stride 2.
func (g *Conv) inWords() bool {
	return words() && g.Kernel == Size{wordTaps, wordTaps} && g.Cin >= wordLanes && (g.Stride == Size{1, 1} && g.OutH() > 1 || g.Stride == Size{2, 2})
}

// depthWords tells that a depthwise convolution goes over words.
func (l *IntForward) depthWords() bool { return l.toCodes() && l.Weights.g.inWords() }

// wordRows is how many rows of the output come at a time.
func (g *Conv) wordRows() int { return 3 - g.Stride.H }

// wordBlock is the first channel of block b.
func (g *Conv) wordBlock(b int) int { return min(b*wordLanes, g.Cin-wordLanes) }

// wordBlocks is how many blocks there are.
func (g *Conv) wordBlocks() int { return (g.Cin + wordLanes - 1) / wordLanes }

func (d *wordWeights) pack(g *Conv, w []int8) {
	rows := g.wordRows()
	d.words, d.sum = grow(d.words, g.wordBlocks()*rows*wordsRow), grow(d.sum, g.Cin)
	clear(d.words)
	clear(d.sum)
	for t := range g.taps() {
		for c, v := range w[t*g.Cin:][:g.Cin] {
			d.sum[c] += int32(v)
		}
	}
	for b := range g.wordBlocks() {
		c := g.wordBlock(b)
		for i := range rows {
			to := d.words[(b*rows+i)*wordsRow:][:wordsRow]
			for t := range g.taps() {
				row, column := t/wordTaps+i, t%wordTaps
				for l, v := range w[t*g.Cin+c:][:wordLanes] {
					to[((column*2+row/2)*wordLanes+l)*2+row%2] = int16(v)
				}
			}
		}
	}
}

// wordRow describes to a kernel one row of outputs, or two, of 8 channels, whose input is 3 rows or 4:
//
//	for i < rows, p < pixels, l < 8:
//	  acc = init[l]
//	  for k < 3, r < 4: acc += x[r*xRow + (p*stride+k)*pix + l] * w[i][(k*2 + r/2)*8 + l][r%2]
//	  y[i*yRow + p*pix + l] = the code of acc, as [Requantize] has it
type wordRow struct {
	y, x              *uint8
	w                 *int16
	init              *int32
	factors           *float32
	rows, pixels      int // with two rows the stride is 1, with one 2
	xRow, yRow, pix   int
	zeroPoint, lo, hi float32
}

// beginWords fills what each channel starts from.
func (l *IntForward) beginWords() {
	sum := l.Weights.rowPairs.sum
	l.init = grow(l.init, len(sum))
	for c, v := range sum {
		l.init[c] = -int32(l.ZeroPoint) * v
		if c < len(l.Bias) {
			l.init[c] += l.Bias[c]
		}
	}
}

// wordBytes bounds the codes with their border that are in work together.
const wordBytes = 64 << 10

// pictureWords computes codes of picture n.
func (l *IntForward) pictureWords(s *Scratch, n int, codes []uint8) {
	g, q, rows := &l.Weights.g, &l.Requant, l.Weights.g.wordRows()
	xRow, out, oh := g.padW()*g.Cin, g.OutW()*g.Cin, g.OutH()
	step := max(rows, (wordBytes/xRow-wordTaps)/g.Stride.H/rows*rows)
	y := q.Y.At(s, n)
	a := wordRow{rows: rows, pixels: g.OutW(), xRow: xRow, yRow: out, pix: g.Cin, zeroPoint: q.ZeroPoint, lo: q.Lo, hi: q.Hi}
	reach := (wordTaps+rows-2)*xRow + ((a.pixels-1)*g.Stride.W+wordTaps)*g.Cin
	for first := 0; first < oh; first += step {
		count := min(step, oh-first)
		from := min(first, oh-rows) // of an odd number of rows, the last comes with the one before it
		end := first + count
		x := s.bytes(0, ((end-from-1)*g.Stride.H+wordTaps)*xRow+wordLanes) // kernels load 16 bytes of a row at a time
		padRows(x, codes, g.H, g.W, g.Cin, g.Pad, from*g.Stride.H, (end-from-1)*g.Stride.H+wordTaps, l.ZeroPoint)
		for i := from; i < end; i += rows {
			i := min(i, end-rows)
			for b := range g.wordBlocks() {
				c := g.wordBlock(b)
				a.w, a.init, a.factors = &l.Weights.rowPairs.words[b*rows*wordsRow:][:rows*wordsRow][0], &l.init[c:][:wordLanes][0], &q.Multiplier[c:][:wordLanes][0]
				a.x = &x[(i-from)*g.Stride.H*xRow+c:][:reach-g.Cin+2*wordLanes][0]
				a.y = &y[i*out+c:][:rows*out-g.Cin+wordLanes][0]
				depthWords(&a)
			}
		}
	}
}
