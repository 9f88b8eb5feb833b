package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// weights are the passes of a uniform quantizer over weights, whose scale may depend on the channel.
func (s isa) weights() {
	v := s.v
	s.text("weightCodesRow", "func(codes *int8, x, scale *float32, n, channels int, qn, qp float32)",
		"for i < n: v = x[i]/scale[c]; codes[i] = v is NaN ? 0 : round(min(max(v, qn), qp))"+cyclicNote)
	codes, x, scale := stream{load("codes"), 1}, stream{load("x"), 4}, load("scale")
	k := s.constants()
	mask, qn, qp := k.byteMask(), k.float("qn"), k.float("qp")
	s.cyclic([]stream{codes, x}, func(h int, off reg.Register) {
		VMOVUPS(s.part(x, h), v(0))
		VDIVPS(s.channel(scale, off, h), v(0), v(0))
		if s.wide() {
			VCMPPS(operand.U8(ordered), v(0), v(0), reg.K1)
		} else {
			VCMPPS(operand.U8(ordered), v(0), v(0), v(2))
		}
		VMAXPS(qn, v(0), v(0))
		VMINPS(qp, v(0), v(0))
		VCVTPS2DQ(v(0), v(0))
		if s.wide() {
			VMOVAPS_Z(v(0), reg.K1, v(0))
		} else {
			VANDPS(v(2), v(0), v(0))
		}
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing)

	s.text("weightSlopesRow", "func(dx, slope, x, dy, scale *float32, n, channels int, qn, qp float32)",
		"for i < n: v = x[i]/scale[c]; inside = qn <= v <= qp\n\t  "+
			"slope[i] = inside ? round(v) - v : v is NaN ? v : min(max(v, qn), qp)\n\t  dx[i] = inside ? dy[i] : 0"+cyclicNote)
	p, scale := floats("dx", "slope", "x", "dy"), load("scale")
	k = s.constants()
	qn, qp = k.float("qn"), k.float("qp")
	s.cyclic(p, func(h int, off reg.Register) {
		VMOVUPS(s.part(p[2], h), v(0))
		VDIVPS(s.channel(scale, off, h), v(0), v(0))
		VMAXPS(qn, v(0), v(1))
		VMINPS(qp, v(1), v(1))
		s.round(v(0), v(2))
		VSUBPS(v(0), v(2), v(2))
		if s.wide() {
			VCMPPS(operand.U8(equal), v(1), v(0), reg.K1)
			VCMPPS(operand.U8(unordered), v(0), v(0), reg.K2)
			VMOVAPS(v(2), reg.K1, v(1))
			VMOVAPS(v(0), reg.K2, v(1))
			VMOVUPS_Z(s.part(p[3], h), reg.K1, v(0))
		} else {
			VCMPPS(operand.U8(unordered), v(0), v(0), v(3))
			VBLENDVPS(v(3), v(0), v(1), v(1))
			VCMPPS(operand.U8(equal), v(1), v(0), v(0)) // of NaN, no
			VBLENDVPS(v(0), v(2), v(1), v(1))
			VANDPS(s.part(p[3], h), v(0), v(0))
		}
		VMOVUPS(v(1), s.part(p[1], h))
		VMOVUPS(v(0), s.part(p[0], h))
	}, nothing)
}
