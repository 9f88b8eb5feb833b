package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mapBytes looks 64 bytes up at a time: in each half of the table, which two
// registers hold, and then by the top bit.
func (s isa) mapBytes() {
	if !s.wide() {
		return
	}
	s.text("mapBytesRow", "func(y, x, table *uint8, n int)", "for i < n: y[i] = table[x[i]]\n\nn is a multiple of 64. It needs VBMI.")
	y, x, table, n := load("y"), load("x"), load("table"), load("n")
	for i := range 4 {
		VMOVUPS(mem(table, 64*i), s.v(4+i))
	}
	SHRQ(operand.U8(6), n)
	JZ(operand.LabelRef("done"))
	Label("loop")
	VMOVUPS(mem(x, 0), s.v(0))
	VPMOVB2M(s.v(0), reg.K1)
	VMOVUPS(s.v(0), s.v(1))
	VPERMI2B(s.v(5), s.v(4), s.v(0))
	VPERMI2B(s.v(7), s.v(6), s.v(1))
	VPBLENDMB(s.v(1), s.v(0), reg.K1, s.v(0))
	VMOVUPS(s.v(0), mem(y, 0))
	ADDQ(operand.Imm(64), x)
	ADDQ(operand.Imm(64), y)
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
