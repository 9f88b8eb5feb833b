package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) quantization() {
	v := s.v
	s.text("quantizeRow", "func(codes *uint8, x *float32, n int, scale, qn, qp float32, zeroPoint int32)",
		"for i < n: codes[i] = round(min(max(x[i]/scale, qn), qp)) + zeroPoint\n\nNaN gives qn. n is a multiple of 16.")
	codes, x := stream{load("codes"), 1}, stream{load("x"), 4}
	s.broadcast("scale", v(3))
	s.broadcast("qn", v(4))
	s.broadcast("qp", v(5))
	s.broadcastInt("zeroPoint", v(6))
	s.byteMask(v(7))
	s.flat([]stream{codes, x}, func(h int) {
		VMOVUPS(s.part(x, h), v(0))
		VDIVPS(v(3), v(0), v(0))
		VMAXPS(v(4), v(0), v(0))
		VMINPS(v(5), v(0), v(0))
		VCVTPS2DQ(v(0), v(0))
		VPADDD(v(6), v(0), v(0))
		s.storeBytes(0, v(7), s.part(codes, h))
	}, nothing, nothing)

	s.text("quantizeGradRow", "func(ds, dx, x, dy *float32, n int, scale, qn, qp, slope, beyond float32)",
		"for i < n: v = x[i]/scale; inside = qn <= v <= qp\n\t  "+beyondDoc+"dx[i] = inside ? dy[i] : 0"+multiple)
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	p := floats("dx", "x", "dy")
	k := s.constants()
	q, slope, beyond := k.quantizer("scale", "qn", "qp"), k.float("slope"), k.float("beyond")
	ds, store := s.lanesIn("ds", 0)
	s.flat(p, func(h int) {
		VMOVUPS(s.part(p[1], h), t(0))
		q.clip(t(0), t(1))
		VMOVUPS(s.part(p[2], h), t(2))
		s.pass(t(0), t(1), t(3), t(2), ds[h], slope, beyond)
		VMOVUPS(t(2), s.part(p[0], h))
	}, nothing, store)

	s.text("codesToFloat", "func(y *float32, codes *uint8, n int, zeroPoint int32)", "for i < n: y[i] = float32(codes[i] - zeroPoint)"+multiple)
	y, in := stream{load("y"), 4}, stream{load("codes"), 1}
	s.broadcastInt("zeroPoint", v(3))
	s.flat([]stream{y, in}, func(h int) {
		VPMOVZXBD(s.part(in, h), v(0))
		VPSUBD(v(3), v(0), v(0))
		VCVTDQ2PS(v(0), v(0))
		VMOVUPS(v(0), s.part(y, h))
	}, nothing, nothing)

	s.text("dequantizeRow", "func(y *float32, codes *uint8, n int, zeroPoint int32, scale float32)",
		"for i < n: y[i] = float32(codes[i] - zeroPoint) * scale"+multiple)
	y, in = stream{load("y"), 4}, stream{load("codes"), 1}
	s.broadcastInt("zeroPoint", v(3))
	s.broadcast("scale", v(4))
	s.flat([]stream{y, in}, func(h int) {
		VPMOVZXBD(s.part(in, h), v(0))
		VPSUBD(v(3), v(0), v(0))
		VCVTDQ2PS(v(0), v(0))
		VMULPS(v(4), v(0), v(0))
		VMOVUPS(v(0), s.part(y, h))
	}, nothing, nothing)

	if !s.wide() {
		s.text("anyNaN", "func(x *float32, n int) (lanes int32)", "for i < n: bit i%8 of lanes = 1 if x[i] or x[i^8] is NaN"+multiple)
		x := stream{load("x"), 4}
		s.zero(1)
		s.flat([]stream{x}, func(h int) {
			if h == 0 {
				VMOVUPS(mem(x.base, 0), v(0))
				VCMPPS(operand.U8(unordered), mem(x.base, s.size), v(0), v(0))
				VORPS(v(0), v(1), v(1))
			}
		}, nothing, func() {
			any := GP32()
			VMOVMSKPS(v(1), any)
			Store(any, ReturnIndex(0))
		})

		s.text("widenCodes", "func(words *int16, codes *uint8, n int)", "for i < n: words[i] = codes[i]"+multiple)
		words, from := load("words"), stream{load("codes"), 1}
		s.flat([]stream{{words, 2}, from}, func(h int) {
			if h == 0 {
				VPMOVZXBW(mem(from.base, 0), v(0))
				VMOVUPS(v(0), mem(words, 0))
			}
		}, nothing, nothing)
	}
}
