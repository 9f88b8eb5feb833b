package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) dropout() {
	v := s.v
	s.text("dropoutRow", "func(y, x *float32, n int, scale, rate float32, start, key uint32)",
		"for i < n: y[i] = mix(mix(i + start) + key)>>8 < rate ? 0 : x[i]*scale"+multiple)
	p := floats("y", "x")
	d := s.draws()
	k := s.constants()
	scale, rate := k.float("scale"), k.float("rate")
	s.flat(p, func(h int) {
		VMOVUPS(d.next, v(0))
		VPADDD(d.count, v(0), v(1))
		VMOVUPS(v(1), d.next)
		s.mix(d, v(0), v(1))
		VPADDD(d.key, v(0), v(0))
		s.mix(d, v(0), v(1))
		VPSRLD(operand.U8(8), v(0), v(0))
		VCVTDQ2PS(v(0), v(0))
		VMOVUPS(s.part(p[1], h), v(1))
		VMULPS(scale, v(1), v(1))
		if s.wide() {
			VCMPPS(operand.U8(greaterEqual), rate, v(0), reg.K1)
			VMOVAPS_Z(v(1), reg.K1, v(1))
		} else {
			VCMPPS(operand.U8(greaterEqual), rate, v(0), v(0))
			VANDPS(v(0), v(1), v(1))
		}
		VMOVUPS(v(1), s.part(p[0], h))
	}, nothing, nothing)
}
