package kernels

import (
	"math"
	"unsafe"
)

// exactDepth tells that a depthwise convolution of codes is computed in float32, where all its sums are exact, since no
// partial sum of codes less a zero point times weights reaches 2^24.
func (g *Conv) exactDepth() bool { return g.depthwise() && g.taps()*255*128 < 1<<24 }

// pictureDepth computes picture n of a depthwise convolution.
func (l *IntForward) pictureDepth(s *Scratch, n int, codes []uint8) {
	w := l.Weights
	g, q := &w.g, &l.Requant
	oh, row := g.OutH(), g.OutW()*g.Cin
	step := min(oh, g.depthStep())
	var all []int32
	if l.Sums != nil {
		all = s.int32s(3, oh*row)
	}
	for i := 0; i < oh; i += step {
		rows := min(step, oh-i)
		from := i*g.Stride.H - g.Pad.Top
		first, end := max(0, from), min(g.H, from+(rows-1)*g.Stride.H+g.Kernel.H)
		x := s.float32s(2, max(0, end-first)*g.W*g.Cin)
		codesToFloat(x, codes[first*g.W*g.Cin:][:len(x)], l.ZeroPoint)
		var acc []int32
		if all != nil {
			acc = all[i*row:][:rows*row]
		} else {
			acc = s.int32s(3, rows*row)
		}
		sums := asFloats(acc)
		depthForward(s, g, sums, w.depth, depthSource{x, first, g.H, g.W, g.Cin}, i, rows)
		intSums(acc, l.init)
		switch {
		case all != nil:
		case q.Y.Data != nil:
			Requantize(q.Y.At(s, n)[i*row:][:rows*row], acc, q.Multiplier, q.ZeroPoint, q.Lo, q.Hi)
		default:
			scaleInts(l.Y.At(s, n)[i*row:][:rows*row], acc, l.Scale)
		}
	}
	if all != nil {
		l.Sums(s, n, all)
	}
}

func asFloats(s []int32) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// intSumsGeneric makes whole numbers in float32 int32 and adds init[c], c = i mod len(init).
func intSumsGeneric(acc, init []int32) {
	for len(acc) > 0 {
		for c, v := range init {
			acc[c] = int32(math.Float32frombits(uint32(acc[c]))) + v
		}
		acc = acc[len(init):]
	}
}
