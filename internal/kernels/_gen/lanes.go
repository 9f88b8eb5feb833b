package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// round emits to = the nearest integer to from, half to even.
func (s isa) round(from, to operand.Op) {
	if s.wide() {
		VRNDSCALEPS(operand.U8(0), from, to)
	} else {
		VROUNDPS(operand.U8(0), from, to)
	}
}

// broadcast loads a float32 parameter into all lanes.
func (s isa) broadcast(name string, to reg.VecPhysical) {
	addr, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(addr.Addr, to)
}

// broadcastInt loads an int32 parameter into all lanes.
func (s isa) broadcastInt(name string, to reg.VecPhysical) {
	VMOVD(Load(Param(name), GP32()), xmm[0])
	VPBROADCASTD(xmm[0], to)
}

// byteMask sets each lane to 255, for storeBytes.
func (s isa) byteMask(to reg.VecPhysical) {
	if s.wide() {
		return
	}
	VPCMPEQD(to, to, to)
	VPSRLD(operand.U8(24), to, to)
}

// storeBytes stores the low byte of each lane of vector register i.
func (s isa) storeBytes(i int, mask operand.Op, to operand.Mem) {
	if s.wide() {
		VPMOVDB(s.v(i), to)
		return
	}
	VPAND(mask, s.v(i), s.v(i))
	low, high := xmm[i], xmm[i+1]
	VEXTRACTI128(operand.U8(1), s.v(i), high)
	VPACKUSDW(high, low, low)
	VPACKUSWB(low, low, low)
	VMOVQ(low, to)
}

var xmm = []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3}

// Predicates of VCMPPS: ordered, and quiet where NaN is expected.
const (
	equal        = 0x00 // EQ_OQ
	lessThan     = 0x11 // LT_OQ
	lessEqual    = 0x12 // LE_OQ
	greaterEqual = 0x1d // GE_OQ
	unordered    = 0x03 // UNORD_Q
	ordered      = 0x07 // ORD_Q
)
