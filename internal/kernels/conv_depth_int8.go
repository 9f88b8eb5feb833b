package kernels

import "unsafe"

// exactDepth tells that a depthwise convolution of codes is computed in float32, where all its sums are exact, since no
// partial sum of codes less a zero point times weights reaches 2^24.
func (g *Conv) exactDepth() bool { return g.depthwise() && g.taps()*255*128 < 1<<24 }

// finishedDepth is a depth whose sums are whole numbers and become y = sum + init, floats y*factor, or codes of y, as
// [Requantize] gives them: exactly one of sums, scaled and codes is set.
type finishedDepth struct {
	depth             // but for y
	sums              *int32
	scaled            *float32
	codes             *uint8
	init              *int32
	factors           *float32
	zeroPoint, lo, hi float32
}

func convDepthFinishedGeneric(a *finishedDepth) {
	init, factors := unsafe.Slice(a.init, lanes), unsafe.Slice(a.factors, lanes)
	var acc [lanes]float32
	for i := range a.rows {
		for p := range a.pixels {
			one := a.depth
			one.x, one.y, one.rows, one.pixels = at(a.x, i*a.xStep+p*a.xPix), &acc[0], 1, 1
			convDepthGeneric(&one)
			y := i*a.yRow + p*a.yPix
			for l, v := range acc {
				sum := int32(v) + init[l]
				switch {
				case a.sums != nil:
					*at(a.sums, y+l) = sum
				case a.scaled != nil:
					*at(a.scaled, y+l) = float32(sum) * factors[l]
				default:
					*at(a.codes, y+l) = requantize(sum, factors[l], a.zeroPoint, a.lo, a.hi)
				}
			}
		}
	}
}

// beginDepth fills the last block of what each channel has.
func (l *IntForward) beginDepth() {
	c := l.Weights.g.Cout
	l.init, l.factors = grow(l.init, blocksOf(c)*lanes), grow(l.factors, blocksOf(c)*lanes)
	clear(l.init[copy(l.init, l.Bias):])
	factors := l.Scale
	if l.Requant.Y.Data != nil {
		factors = l.Requant.Multiplier
	}
	clear(l.factors[copy(l.factors, factors):])
}

// pictureDepth computes picture n of a depthwise convolution.
func (l *IntForward) pictureDepth(s *Scratch, n int, codes []uint8) {
	g, q := &l.Weights.g, &l.Requant
	var sums []int32
	if l.Sums != nil {
		sums = s.int32s(3, g.outImage())
	}
	step := g.depthStep()
	x := depthSource{codes: codes, zeroPoint: l.ZeroPoint, h: g.H, w: g.W, channels: g.Cin}
	for i := 0; i < g.OutH(); i += step {
		for c := 0; c < g.Cin; c += lanes {
			a := finishedDepth{depth: g.depthRows(s, &x, l.Weights.depth, c, i, min(step, g.OutH()-i)), init: &l.init[c], factors: &l.factors[c],
				zeroPoint: q.ZeroPoint, lo: q.Lo, hi: q.Hi}
			from := i*g.OutW()*g.Cout + c
			switch width := min(lanes, g.Cout-c); {
			case sums != nil:
				storeDepth(s.int32s(1, a.tail()), sums[from:], width, &a.depth, func(y *int32) { a.sums = y; convDepthFinished(&a) })
			case q.Y.Data != nil:
				storeDepth(s.bytes(1, a.tail()), q.Y.At(s, n)[from:], width, &a.depth, func(y *uint8) { a.codes = y; convDepthFinished(&a) })
			default:
				storeDepth(s.float32s(1, a.tail()), l.Y.At(s, n)[from:], width, &a.depth, func(y *float32) { a.scaled = y; convDepthFinished(&a) })
			}
		}
	}
	if sums != nil {
		l.Sums(s, n, sums)
	}
}
