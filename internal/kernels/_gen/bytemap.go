package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const mapBytesDoc = "for i < n: y[i] = table[x[i]]\n\nn is a multiple of 64."

// mapBytes looks 64 bytes up at a time: in each half of the table, which two
// registers hold, and then by the top bit.
func (s isa) mapBytes() {
	if !s.wide() {
		s.mapBytesBySixteen()
		return
	}
	s.text("mapBytesRow", "func(y, x, table *uint8, n int)", mapBytesDoc+" It needs VBMI.")
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

// mapBytesBySixteen looks up in 16 bytes at a time. VPSHUFB looks at the low four bits and gives 0 where the top bit is
// set. Of 0 to 127, 16 at a time are subtracted: j times, until the top bit is set, so the exclusive or of the first j
// parts has to be part j. 128 to 255 do the same from 0 on with the other eight parts.
func (s isa) mapBytesBySixteen() {
	s.text("mapBytesRow", "func(y, x, table *uint8, n int)", mapBytesDoc)
	y, x, table, n := load("y"), load("x"), load("table"), load("n")
	const parts, size = 16, 32
	room := AllocLocal(parts * size)
	part := func(i int) operand.Mem { return room.Offset(i * size) }
	for i := range parts {
		VBROADCASTI128(mem(table, 16*i), s.v(i%2))
		if i%(parts/2) == 0 {
			VMOVDQU(s.v(i%2), part(i))
		} else {
			VPXOR(s.v(0), s.v(1), s.v(2))
			VMOVDQU(s.v(2), part(i))
		}
	}
	top, sixteen, looked := s.v(15), s.v(14), s.v(13)
	VPCMPEQB(top, top, top)
	VPSLLW(operand.U8(15), top, sixteen)
	VPSRLW(operand.U8(8), sixteen, top)
	VPOR(sixteen, top, top)             // 0x80 in each byte
	VPSRLW(operand.U8(3), top, sixteen) // 0x10
	SHRQ(operand.U8(6), n)
	JZ(operand.LabelRef("done"))
	Label("loop")
	for h := range 2 {
		VMOVDQU(mem(x, h*size), s.v(h))
	}
	for i := range parts {
		VMOVDQU(part(i), looked)
		for h := range 2 {
			at, other, sum, t := s.v(h), s.v(2+h), s.v(4+h), s.v(6+h)
			switch i {
			case 0:
				VPXOR(top, at, other)
				VPSHUFB(at, looked, sum)
				continue
			case parts / 2:
				VMOVDQA(other, at)
			default:
				VPSUBSB(sixteen, at, at)
			}
			VPSHUFB(at, looked, t)
			VPXOR(t, sum, sum)
		}
	}
	for h := range 2 {
		VMOVDQU(s.v(4+h), mem(y, h*size))
	}
	ADDQ(operand.Imm(64), x)
	ADDQ(operand.Imm(64), y)
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
