package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	drawnDoc = "for i < n: v = max(fma(z[i], a[c], b[c])/scale, floor); w = min(max(v, qn), qp)\n\t  " +
		"q = floor(w) + (mix(mix(i + start) + key)>>8 < (w - floor(w))*2^24 ? 1 : 0)\n\t  "
	drawnParams = ", start, key uint32"
)

// draws are random numbers, of the next elements in each use: its constants are on the stack.
type draws struct {
	next, count, key, first, second, one, scale operand.Op // next is memory, count how many lanes there are
}

func (s isa) draws() draws {
	k := &constants{s, 0}
	bits := func(x uint32) operand.Op {
		return k.place(func(r reg.VecPhysical) {
			t := GP32()
			MOVL(operand.U32(x), t)
			VMOVD(t, xmm[0])
			VPBROADCASTD(xmm[0], r)
		})
	}
	d := draws{
		count: bits(uint32(s.size / 4)), key: k.int("key"), first: bits(0x85ebca6b), second: bits(0xc2b2ae35),
		one: k.constant(1), scale: k.constant(1 << 24),
	}
	d.next = k.place(func(r reg.VecPhysical) {
		s.broadcastInt("start", s.v(1))
		t := GP64()
		MOVQ(operand.U64(0x0706050403020100), t)
		VMOVQ(t, xmm[0])
		if s.wide() {
			MOVQ(operand.U64(0x0f0e0d0c0b0a0908), t)
			VPINSRQ(operand.U8(1), t, xmm[0], xmm[0])
		}
		VPMOVZXBD(xmm[0], r)
		VPADDD(s.v(1), r, r)
	})
	return d
}

// mix emits fmix32 of x; t is lost.
func (s isa) mix(d draws, x, t reg.VecPhysical) {
	shifted := func(bits uint8) {
		VPSRLD(operand.U8(bits), x, t)
		if s.wide() {
			VPXORD(t, x, x)
		} else {
			VPXOR(t, x, x)
		}
	}
	shifted(16)
	VPMULLD(d.first, x, x)
	shifted(13)
	VPMULLD(d.second, x, x)
	shifted(16)
}

// drawn is the leveller of even levels, rounded at random. It uses vector registers 0 and 1 before the loop.
func (s isa) drawn(*constants) leveller {
	d := s.draws()
	return func(_ int, _, c, q, t, u reg.VecPhysical) {
		VMOVUPS(d.next, t)
		VPADDD(d.count, t, u)
		VMOVUPS(u, d.next)
		s.mix(d, t, u)
		VPADDD(d.key, t, t)
		s.mix(d, t, u)
		VPSRLD(operand.U8(8), t, t)
		VCVTDQ2PS(t, t)
		if s.wide() {
			VRNDSCALEPS(operand.U8(1), c, q)
		} else {
			VROUNDPS(operand.U8(1), c, q)
		}
		VSUBPS(q, c, u)
		VMULPS(d.scale, u, u)
		if s.wide() {
			VCMPPS(operand.U8(lessThan), u, t, reg.K1)
			VADDPS(d.one, q, reg.K1, q)
			return
		}
		VCMPPS(operand.U8(lessThan), u, t, t)
		VANDPS(d.one, t, t)
		VADDPS(t, q, q)
	}
}

func (s isa) drawnCodes() {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("drawnCodesRow", "func(codes *uint8, z, a, b *float32, n, channels int, scale, qn, qp, floor float32, zeroPoint int32"+drawnParams+")",
		drawnDoc+"codes[i] = q + zeroPoint"+cyclicNote)
	codes, z, a, b := stream{load("codes"), 1}, stream{load("z"), 4}, load("a"), load("b")
	level := s.drawn(nil)
	k := s.constants()
	mask, q, floor, zeroPoint := k.byteMask(), k.quantizer("scale", "qn", "qp"), k.float("floor"), k.int("zeroPoint")
	s.cyclic([]stream{codes, z}, func(h int, off reg.Register) {
		affine(s.part(z, h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
		level(h, t(0), t(1), t(2), t(3), t(4))
		VCVTPS2DQ(t(2), s.v(0))
		VPADDD(zeroPoint, s.v(0), s.v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing)
}
