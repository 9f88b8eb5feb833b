package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// codeBoundsNote says what codeBounds takes.
const codeBoundsNote = "\n\nThe words of zeroPoint are the same, and so are the bytes of least."

// codeBounds make codes of AVX2's floats:
//
//	max(round(min(v, most)) + zeroPoint, least)
//
// in words and bytes from the rounding on, whose packing keeps to 0 to 255. NaN gives least.
type codeBounds struct{ most, zeroPoint, least reg.VecPhysical }

// codeBounds loads the parameters of these names. Without a register for the zero point, it is 0.
func (s isa) codeBounds(most, zeroPoint, least reg.VecPhysical) codeBounds {
	s.broadcast("most", most)
	if zeroPoint != nil {
		s.broadcastInt("zeroPoint", zeroPoint)
	}
	s.broadcastInt("least", least)
	return codeBounds{most, zeroPoint, least}
}

// round emits v = round(min(v, most)) in 32 bits, the least integer for NaN and what is below it.
func (c codeBounds) round(v reg.VecPhysical) {
	VMINPS(v, c.most, v) // in this order, NaN stays
	VCVTPS2DQ(v, v)
}

// words emits v = v and w in 16 bits, four lanes of each after the other, plus the zero point.
func (c codeBounds) words(v, w reg.VecPhysical) {
	VPACKSSDW(w, v, v)
	if c.zeroPoint != nil {
		VPADDSW(c.zeroPoint, v, v)
	}
}

// store stores the codes of the rounded v and w.
func (c codeBounds) store(v, w reg.VecPhysical, to operand.Mem) {
	c.words(v, w)
	low, high := v.AsX(), w.AsX()
	VEXTRACTI128(operand.U8(1), v, high)
	VPACKUSWB(high, low, low)
	VPSHUFD(operand.U8(0xd8), low, low)
	VPMAXUB(c.least.AsX(), low, low)
	VMOVDQU(low, to)
}

// storeSquareRow stores 8 codes of each of four pixels from at.
func (c codeBounds) storeSquareRow(v []reg.VecPhysical, at, pixel reg.Register) {
	c.words(v[0], v[1])
	c.words(v[2], v[3])
	VPACKUSWB(v[2], v[0], v[0])
	VPMAXUB(c.least, v[0], v[0])
	low, high, t := v[0].AsX(), v[1].AsX(), v[2].AsX()
	VEXTRACTI128(operand.U8(1), v[0], high)
	VPUNPCKLDQ(high, low, t)
	VPUNPCKHDQ(high, low, low)
	VMOVQ(t, mem(at, 0))
	VMOVHPS(t, indexed(at, pixel, 1))
	LEAQ(indexed(at, pixel, 2), at)
	VMOVQ(low, mem(at, 0))
	VMOVHPS(low, indexed(at, pixel, 1))
}
