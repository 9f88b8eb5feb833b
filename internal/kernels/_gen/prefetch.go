package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

func prefetch() {
	TEXT("prefetchLines", attr.NOSPLIT, "func(p *byte, lines int)")
	Pragma("noescape")
	Doc("prefetchLines asks for lines > 0 of 64 bytes, into the second-level cache.")
	p, n := load("p"), load("lines")
	Label("line")
	PREFETCHT1(operand.Mem{Base: p})
	ADDQ(operand.Imm(64), p)
	DECQ(n)
	JNZ(operand.LabelRef("line"))
	RET()
}
