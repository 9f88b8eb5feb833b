package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) relu6() {
	v := s.v
	s.text("relu6Row", "func(y, x *float32, n int)", "for i < n: y[i] = x[i] < 0 ? 0 : x[i] > 6 ? 6 : x[i]"+multiple)
	k := s.constants()
	zero, six := k.constant(0), k.constant(6)
	a := floats("y", "x")
	s.flat(a, func(h int) {
		VMOVUPS(s.part(a[1], h), v(0))
		VMAXPS(v(0), zero.(reg.VecPhysical), v(0)) // in this order, NaN stays
		VMINPS(v(0), six.(reg.VecPhysical), v(0))
		VMOVUPS(v(0), s.part(a[0], h))
	}, nothing, nothing)

	s.text("relu6GradRow", "func(dx, y, dy *float32, n int)", "for i < n: dx[i] = 0 < y[i] < 6 ? dy[i] : 0"+multiple)
	k = s.constants()
	zero, six = k.constant(0), k.constant(6)
	b := floats("dx", "y", "dy")
	s.flat(b, func(h int) {
		VMOVUPS(s.part(b[1], h), v(0))
		if s.wide() {
			VCMPPS(operand.U8(lessThan), v(0), zero, reg.K1)
			VCMPPS(operand.U8(lessThan), six, v(0), reg.K1, reg.K1)
			VMOVUPS_Z(s.part(b[2], h), reg.K1, v(0))
		} else {
			VCMPPS(operand.U8(lessThan), v(0), zero, v(1))
			VCMPPS(operand.U8(lessThan), six, v(0), v(0))
			VANDPS(v(1), v(0), v(0))
			VANDPS(s.part(b[2], h), v(0), v(0))
		}
		VMOVUPS(v(0), s.part(b[0], h))
	}, nothing, nothing)
}
