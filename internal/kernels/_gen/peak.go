package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// chains is how many vectors of sums a peak has.
const chains = 12

// peak emits the loops behind PeakGFLOPS and MeasurePeaks.
func (s isa) peak() {
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

// bytePeak emits the same of products of bytes with their sums: four a lane of 32 bits with VNNI, else two a lane of 16.
func (s isa) bytePeak() {
	s.text("bytePeak", "func(n int)", "n times 12 independent products of a vector of bytes with their sums, for timing.")
	n := load("n")
	for i := range chains + 2 {
		s.zero(i)
	}
	Label("loop")
	for i := range chains {
		if s.wide() {
			VPDPBUSD(s.v(chains), s.v(chains), s.v(i))
			continue
		}
		VPMADDUBSW(s.v(chains), s.v(chains), s.v(chains+1))
		VPADDW(s.v(chains+1), s.v(i), s.v(i))
	}
	DECQ(n)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// tilePeak emits the same in tiles, of shapes.
func (s isa) tilePeak() {
	if !s.wide() {
		return
	}
	s.text("tilePeak", "func(shapes *uint8, n int)", "n times the products of two tiles with two others, for timing.")
	Load(Param("shapes"), ax)
	configureTiles(axN)
	Load(Param("n"), count)
	Label("loop")
	tileProducts(0, x0, w0)
	tileProducts(1, x0, w1)
	tileProducts(2, x1, w0)
	tileProducts(3, x1, w1)
	DECQ(count)
	JNZ(operand.LabelRef("loop"))
	releaseTiles()
	RET()
}
