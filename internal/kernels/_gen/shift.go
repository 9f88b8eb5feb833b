package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shiftConstants are 64 set bits and, where there is no arithmetic shift of 64 bits,
// the highest bit and the lowest, in each lane of 64 bits.
type shiftConstants struct{ ones, one, sign reg.VecPhysical }

func (s isa) shiftConstants(ones, one, sign reg.VecPhysical) shiftConstants {
	if s.wide() {
		VPTERNLOGD(operand.U8(0xff), ones, ones, ones)
	} else {
		VPCMPEQD(ones, ones, ones)
		VPSLLQ(operand.U8(63), ones, sign)
	}
	VPSRLQ(operand.U8(63), ones, one)
	return shiftConstants{ones, one, sign}
}

// roundShift emits p = roundHalfEven(p*2^-shift) in lanes of 64 bits, by way of
//
//	(p + (2^(shift-1) - 1) + (p>>shift & 1)) >> shift
//
// shift is 1 to 62 in all lanes; t is overwritten.
func (s isa) roundShift(p, shift, t reg.VecPhysical, c shiftConstants) {
	VPSRLVQ(shift, p, t)
	if s.wide() {
		VPANDQ(c.one, t, t)
	} else {
		VPAND(c.one, t, t)
	}
	VPADDQ(t, p, p)
	// 2^(shift-1) - 1 is what a shift of all bits to the left leaves out.
	VPADDQ(c.ones, shift, t)
	VPSLLVQ(t, c.ones, t)
	VPSUBQ(t, p, p)
	VPADDQ(c.ones, p, p)
	if s.wide() {
		VPSRAVQ(shift, p, p)
		return
	}
	VPXOR(c.sign, p, p)
	VPSRLVQ(shift, p, p)
	VPSRLVQ(shift, c.sign, t)
	VPSUBQ(t, p, p)
}

// joinLanes emits even = the low halves of the lanes of even, and those of odd above.
func (s isa) joinLanes(even, odd reg.VecPhysical) {
	VPSLLQ(operand.U8(32), even, even)
	VPSRLQ(operand.U8(32), even, even)
	VPSLLQ(operand.U8(32), odd, odd)
	if s.wide() {
		VPORQ(odd, even, even)
	} else {
		VPOR(odd, even, even)
	}
}

func (s isa) shifts() {
	v := s.v
	const bounds = " + zeroPoint, with lo <= codes[i] - zeroPoint <= hi"
	s.text("requantizeShiftRow", "func(codes *uint8, acc, mult, shift *int32, n, channels int, zeroPoint, lo, hi int32)",
		"for i < n: codes[i] = roundHalfEven(acc[i]*mult[c]*2^-shift[c])"+bounds+"\n\nProducts have 64 bits. shift is 31 to 62."+cyclicNote)
	codes, acc, mult, shift := stream{load("codes"), 1}, stream{load("acc"), 4}, load("mult"), load("shift")
	s.broadcastInt("zeroPoint", v(8))
	s.broadcastInt("lo", v(9))
	s.broadcastInt("hi", v(10))
	c := s.shiftConstants(v(11), v(12), v(13))
	s.byteMask(v(14))
	s.cyclic([]stream{codes, acc}, func(h int, off reg.Register) {
		VMOVUPS(s.part(acc, h), v(0))
		VMOVUPS(s.channel(mult, off, h), v(1))
		VMOVUPS(s.channel(shift, off, h), v(2))
		VPSRLQ(operand.U8(32), v(0), v(3))
		VPSRLQ(operand.U8(32), v(1), v(4))
		VPSRLQ(operand.U8(32), v(2), v(5))
		VPSLLQ(operand.U8(32), v(2), v(2))
		VPSRLQ(operand.U8(32), v(2), v(2))
		VPMULDQ(v(1), v(0), v(0))
		VPMULDQ(v(4), v(3), v(3))
		s.roundShift(v(0), v(2), v(6), c)
		s.roundShift(v(3), v(5), v(7), c)
		s.joinLanes(v(0), v(3))
		VPMAXSD(v(9), v(0), v(0))
		VPMINSD(v(10), v(0), v(0))
		VPADDD(v(8), v(0), v(0))
		s.storeBytes(0, v(14), s.part(codes, h))
	}, nothing)

	s.text("addCodesShiftRow", "func(codes, a, b *uint8, n int, multA, zeroA, multB, zeroB, shift, zeroPoint, lo, hi int32)",
		"for i < n: codes[i] = roundHalfEven(((a[i] - zeroA)*multA + (b[i] - zeroB)*multB)*2^-shift)"+bounds+"\n\nProducts have 64 bits. shift is 9 to 62. n is a multiple of 16.")
	sum, a, b := stream{load("codes"), 1}, stream{load("a"), 1}, stream{load("b"), 1}
	constants := []reg.VecPhysical{v(8), v(9), v(10), v(15), v(3), v(4), v(5)}
	s.addCodesShift(sum, a, b, constants, v(7), s.shiftConstants(v(11), v(12), v(13)), v(14))
}

// addCodesShift emits the loop of addCodesShiftRow; it works in the first three registers.
func (s isa) addCodesShift(codes, a, b stream, constants []reg.VecPhysical, shift reg.VecPhysical, c shiftConstants, mask reg.VecPhysical) {
	v := s.v
	for i, name := range []string{"zeroPoint", "lo", "hi", "multA", "zeroA", "multB", "zeroB"} {
		s.broadcastInt(name, constants[i])
	}
	zeroPoint, lo, hi, multA, zeroA, multB, zeroB := constants[0], constants[1], constants[2], constants[3], constants[4], constants[5], constants[6]
	s.byteMask(mask)
	s.broadcastInt("shift", shift)
	VPSRLQ(operand.U8(32), shift, shift)
	s.flat([]stream{codes, a, b}, func(h int) {
		for odd := range 2 { // lanes of 64 bits: even elements to v(0), odd ones to v(1)
			sum, t := v(odd), v(2)
			VPMOVZXBD(s.part(a, h), sum)
			VPSUBD(zeroA, sum, sum)
			VPMOVZXBD(s.part(b, h), t)
			VPSUBD(zeroB, t, t)
			if odd == 1 {
				VPSRLQ(operand.U8(32), sum, sum)
				VPSRLQ(operand.U8(32), t, t)
			}
			VPMULDQ(multA, sum, sum)
			VPMULDQ(multB, t, t)
			VPADDQ(t, sum, sum)
			s.roundShift(sum, shift, t, c)
		}
		s.joinLanes(v(0), v(1))
		VPMAXSD(lo, v(0), v(0))
		VPMINSD(hi, v(0), v(0))
		VPADDD(zeroPoint, v(0), v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing, nothing)
}
