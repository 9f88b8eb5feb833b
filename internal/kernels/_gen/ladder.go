package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	maxRungs     = 15
	thresholdsAt = 64  // in a Ladder, in bytes
	rungsAt      = 128 // there too
	greaterThan  = 0x1e
	ladderDoc    = "for i < n: v = max(fma(z[i], a[c], b[c])/scale, floor); q = levels[number of thresholds below v]\n\t  "
)

// ladder is that of the levels at an address.
func (k *constants) ladder(at reg.Register) leveller {
	if k.s.wide() {
		return k.search(at)
	}
	return func(part int, v, _, q, t, u reg.VecPhysical) {
		done := label("rungs", part)
		VBROADCASTSS(mem(at, 0), q)
		for j := range maxRungs {
			if j > 0 && j%3 == 0 {
				CMPQ(mem(at, rungsAt), operand.U8(j))
				JLE(operand.LabelRef(done))
			}
			VBROADCASTSS(mem(at, thresholdsAt+4*j), t)
			VCMPPS(operand.U8(greaterThan), t, v, t)
			VBROADCASTSS(mem(at, 4*j+4), u)
			VBLENDVPS(t, u, q, q)
		}
		Label(done)
	}
}

// search is ladder where a register holds all thresholds: i += half where v is above threshold i + half - 1, for half = 8,
// 4, 2 and 1; the tables hold the thresholds from half - 1 on. Of three thresholds, each is compared.
func (k *constants) search(at reg.Register) leveller {
	const most, few = (maxRungs + 1) / 2, 3
	levels := k.place(func(r reg.VecPhysical) { VMOVUPS(mem(at, 0), r) })
	middle := k.place(func(r reg.VecPhysical) { VBROADCASTSS(mem(at, thresholdsAt+4*(most-1)), r) })
	first := k.bits(most)
	var halves, tables []operand.Op
	for half := most / 2; half >= 1; half /= 2 {
		halves = append(halves, k.bits(uint32(half)))
		tables = append(tables, k.place(func(r reg.VecPhysical) {
			VMOVUPS(mem(at, thresholdsAt), r)
			VALIGND(operand.U8(half-1), r, r, r)
		}))
	}
	return func(_ int, v, _, q, t, i reg.VecPhysical) {
		CMPQ(mem(at, rungsAt), operand.U8(few))
		JG(operand.LabelRef("search"))
		VBROADCASTSS(mem(at, 0), q)
		for j := range few {
			VCMPPS_BCST(operand.U8(greaterThan), mem(at, thresholdsAt+4*j), v, reg.K1)
			VBROADCASTSS(mem(at, 4*j+4), reg.K1, q)
		}
		JMP(operand.LabelRef("found"))
		Label("search")
		VCMPPS(operand.U8(greaterThan), middle, v, reg.K1)
		VMOVDQA32_Z(first, reg.K1, i)
		for step, half := range halves {
			VPERMPS(tables[step], i, t)
			VCMPPS(operand.U8(greaterThan), t, v, reg.K1)
			VPADDD(half, i, reg.K1, i)
		}
		VPERMPS(levels, i, q)
		Label("found")
	}
}

func (s isa) ladderCodes() {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("ladderCodesRow", "func(codes *uint8, z, a, b *float32, n, channels int, scale, floor float32, zeroPoint int32, ladder *float32)",
		ladderDoc+"codes[i] = q + zeroPoint"+cyclicNote)
	codes, z, a, b := stream{load("codes"), 1}, stream{load("z"), 4}, load("a"), load("b")
	k := s.constants()
	level := k.ladder(load("ladder"))
	mask, scale, floor, zeroPoint := k.byteMask(), k.float("scale"), k.float("floor"), k.int("zeroPoint")
	s.cyclic([]stream{codes, z}, func(h int, off reg.Register) {
		affine(s.part(z, h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		VDIVPS(scale, t(0), t(0))
		VMAXPS(floor, t(0), t(0))
		level(h, t(0), nil, t(2), t(3), t(4))
		VCVTPS2DQ(t(2), s.v(0))
		VPADDD(zeroPoint, s.v(0), s.v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing)
}
