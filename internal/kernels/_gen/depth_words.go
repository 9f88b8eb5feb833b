package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// depthWords emits the depthwise 3x3 convolution of codes without VNNI. Rows are interleaved in registers, and pairs of them
// multiplied as words.
func (s isa) depthWords() {
	if s.wide() {
		return
	}
	const in = "func(y, x *uint8, w *int16, init *int32, mult *float32, pixels, xRow, yRow, pix int, most float32, zeroPoint, least int32)"
	const doc = "for %sp < pixels, l < 8:\n" +
		"\t  acc = init[l]\n" +
		"\t  for k < 3, r < 4: acc += x[r*xRow + (%sp+k)*pix + l] * w[%s(k*2 + r/2)*16 + l*2 + r%%2]\n" +
		"\t  y[%sp*pix + l] = max(round(min(float32(acc)*mult[l], most)) + zeroPoint, least)%s" + codeBoundsNote
	s.text("depthWordsPair", in, fmt.Sprintf(doc, "i < 2, ", "", "i*96 + ", "i*yRow + ", ""))
	s.depthWordsFor(2, 1)
	s.text("depthWordsHalf", in, fmt.Sprintf(doc, "", "2*", "", "", "\n\nas if row 3 were 0."))
	s.depthWordsFor(1, 2)
}

// depthWordsFor computes rows of the output, 1 or 2.
func (s isa) depthWordsFor(rows, stride int) {
	const most, taps = 4, 3
	a, b, t, u := s.v(8), s.v(9), s.v(10), s.v(15)
	mult, bounds := s.v(11), s.codeBounds(s.v(12), s.v(13), s.v(14))
	p := load("mult")
	VMOVUPS(mem(p, 0), mult)
	n := AllocLocal(8)
	q := load("pixels")
	MOVQ(q, n)
	y, x, w, init := load("y"), load("x"), load("w"), load("init")
	xRow, yRow, pix := load("xRow"), load("yRow"), load("pix")
	xRow3 := GP64()
	LEAQ(indexed(xRow, xRow, 2), xRow3)
	tiles(n, most, func(size int) {
		acc := func(row int) []reg.VecPhysical {
			return ymm[row*size : (row+1)*size]
		}
		for i := range rows * size {
			VMOVUPS(mem(init, 0), s.v(i))
		}
		for column := range (size-1)*stride + taps {
			VMOVQ(mem(x, 0), t.AsX())
			VPUNPCKLBW(indexed(x, xRow, 1), t.AsX(), t.AsX())
			VPMOVZXBW(t.AsX(), a)
			if rows == 2 {
				VMOVQ(indexed(x, xRow, 2), t.AsX())
				VPUNPCKLBW(indexed(x, xRow3, 1), t.AsX(), t.AsX())
				VPMOVZXBW(t.AsX(), b)
			} else {
				VPMOVZXBD(indexed(x, xRow, 2), b)
			}
			ADDQ(pix, x)
			for row := range rows {
				for i, sum := range acc(row) {
					tap := column - i*stride
					if tap < 0 || tap >= taps {
						continue
					}
					at := ((row*taps + tap) * 2) * s.size
					VPMADDWD(mem(w, at), a, t)
					VPADDD(t, sum, sum)
					VPMADDWD(mem(w, at+s.size), b, u)
					VPADDD(u, sum, sum)
				}
			}
		}
		for range taps - stride { // columns that the next tile sees, too
			SUBQ(pix, x)
		}
		for i := range rows * size {
			VCVTDQ2PS(s.v(i), s.v(i))
			VMULPS(mult, s.v(i), s.v(i))
			bounds.round(s.v(i))
		}
		at := GP64()
		for row := range rows {
			MOVQ(y, at)
			if row == 1 {
				ADDQ(yRow, at)
			}
			bounds.storePixels(acc(row), a, t, at, pix)
		}
		MOVQ(at, y)
		if rows == 2 {
			SUBQ(yRow, y)
		}
	})
}
