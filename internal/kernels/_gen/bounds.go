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

// storePixels stores 8 codes of each of up to four pixels from at, which goes on behind them. t and u are free.
func (c codeBounds) storePixels(v []reg.VecPhysical, t, u reg.VecPhysical, at, pixel reg.Register) {
	of := func(i int) reg.VecPhysical { return v[min(i, len(v)-1)] }
	VPACKSSDW(of(1), of(0), t)
	VPACKSSDW(of(3), of(2), u)
	if c.zeroPoint != nil {
		VPADDSW(c.zeroPoint, t, t)
		VPADDSW(c.zeroPoint, u, u)
	}
	VPACKUSWB(u, t, t)
	VPMAXUB(c.least, t, t)
	low, high, pair := t.AsX(), u.AsX(), v[0].AsX()
	VEXTRACTI128(operand.U8(1), t, high)
	for i := range v {
		if i%2 == 1 {
			VMOVHPS(pair, mem(at, 0))
		} else {
			if i == 0 {
				VPUNPCKLDQ(high, low, pair)
			} else {
				VPUNPCKHDQ(high, low, pair)
			}
			VMOVQ(pair, mem(at, 0))
		}
		ADDQ(pixel, at)
	}
}
