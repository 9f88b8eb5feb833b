package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) maxPool() {
	v := s.v
	s.text("maxRow", "func(y, x *float32, n int)", "for i < n: y[i] = x[i] > y[i] or NaN ? x[i] : y[i]"+multiple)
	a := floats("y", "x")
	s.flat(a, func(h int) {
		s.larger(s.part(a[1], h), s.part(a[0], h))
	}, nothing, nothing)

	s.text("winnersRow", "func(best *float32, winners *int32, x *float32, n int, number int32)",
		"for i < n: if x[i] > best[i] or NaN: best[i] = x[i], winners[i] = number"+multiple)
	b := []stream{{load("best"), 4}, {load("winners"), 4}, {load("x"), 4}}
	s.broadcastInt("number", v(4))
	s.flat(b, func(h int) {
		s.larger(s.part(b[2], h), s.part(b[0], h))
		winners := s.part(b[1], h)
		VMOVUPS(winners, v(0))
		s.pick(v(4), v(0))
		VMOVUPS(v(0), winners)
	}, nothing, nothing)

	s.text("addToWinnersRow", "func(dx, dy *float32, winners *int32, n int, number int32)", "for i < n: if winners[i] == number: dx[i] += dy[i]"+multiple)
	c := []stream{{load("dx"), 4}, {load("dy"), 4}, {load("winners"), 4}}
	s.broadcastInt("number", v(4))
	s.flat(c, func(h int) {
		VMOVUPS(s.part(c[0], h), v(0))
		if s.wide() {
			VPCMPEQD(s.part(c[2], h), v(4), reg.K1)
			VADDPS(s.part(c[1], h), v(0), reg.K1, v(0))
		} else {
			VPCMPEQD(s.part(c[2], h), v(4), v(1))
			VADDPS(s.part(c[1], h), v(0), v(2))
			VBLENDVPS(v(1), v(2), v(0), v(0))
		}
		VMOVUPS(v(0), s.part(c[0], h))
	}, nothing, nothing)
	if s.wide() {
		return
	}
	s.text("maxCodesRow", "func(y, x *uint8, n int)", "for i < n: y[i] = max(y[i], x[i])"+multiple)
	y, x := stream{load("y"), 1}, stream{load("x"), 1}
	n := load("n")
	SHRQ(operand.U8(4), n)
	Label("loop")
	VMOVDQU(mem(y.base, 0), reg.X0)
	VPMAXUB(mem(x.base, 0), reg.X0, reg.X0)
	VMOVDQU(reg.X0, mem(y.base, 0))
	ADDQ(operand.Imm(16), y.base)
	ADDQ(operand.Imm(16), x.base)
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// larger puts x into y where it is larger or NaN, for pick to do the same.
func (s isa) larger(x, y operand.Mem) {
	v := s.v
	VMOVUPS(x, v(0))
	VMOVUPS(y, v(1))
	if s.wide() {
		VCMPPS(operand.U8(greaterThan), v(1), v(0), reg.K1)
		VCMPPS(operand.U8(unordered), v(0), v(0), reg.K2)
		KORW(reg.K1, reg.K2, reg.K1)
	} else {
		VCMPPS(operand.U8(greaterThan), v(1), v(0), v(2))
		VCMPPS(operand.U8(unordered), v(0), v(0), v(3))
		VORPS(v(2), v(3), v(2))
	}
	s.pick(v(0), v(1))
	VMOVUPS(v(1), y)
}

// pick puts from into to where larger has found a larger value.
func (s isa) pick(from, to reg.VecPhysical) {
	if s.wide() {
		VMOVUPS(from, reg.K1, to)
	} else {
		VBLENDVPS(s.v(2), from, to, to)
	}
}
