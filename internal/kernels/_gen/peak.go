package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// peak emits the loop behind PeakGFLOPS.
func (s isa) peak() {
	const chains = 12
	s.text("fmaPeak", "func(n int)", "n times 12 independent fused multiply-adds of a vector, for timing.")
	n := load("n")
	for i := range chains + 1 {
		s.zero(i)
	}
	Label("loop")
	for i := range chains {
		VFMADD231PS(s.v(chains), s.v(chains), s.v(i))
	}
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}
