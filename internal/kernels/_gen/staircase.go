package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// leveller emits q = the level of v, which clip clipped to c, in vector part of the 16; t and u are lost.
type leveller func(part int, v, c, q, t, u reg.VecPhysical)

// even is that of evenly spaced levels.
func (s isa) even(_ int, _, c, q, _, _ reg.VecPhysical) { s.round(c, q) }

const (
	maxRungs     = 15
	thresholdsAt = 64  // in a Ladder, in bytes
	rungsAt      = 128 // there too
	greaterThan  = 0x1e
	ladderDoc    = "for i < n: v = max(fma(z[i], a[c], b[c])/scale, floor); q = levels[number of thresholds below v]\n\t  "
)

// ladder is that of the levels at an address, three thresholds at a time.
func (s isa) ladder(at reg.Register) leveller {
	return func(part int, v, _, q, t, u reg.VecPhysical) {
		done := label("rungs", part)
		VBROADCASTSS(mem(at, 0), q)
		for j := range maxRungs {
			if j > 0 && j%3 == 0 {
				CMPQ(mem(at, rungsAt), operand.U8(j))
				JLE(operand.LabelRef(done))
			}
			threshold, level := mem(at, thresholdsAt+4*j), mem(at, 4*j+4)
			if s.wide() {
				VCMPPS_BCST(operand.U8(greaterThan), threshold, v, reg.K1)
				VBROADCASTSS(level, reg.K1, q)
				continue
			}
			VBROADCASTSS(threshold, t)
			VCMPPS(operand.U8(greaterThan), t, v, t)
			VBROADCASTSS(level, u)
			VBLENDVPS(t, u, q, q)
		}
		Label(done)
	}
}

// scaled emits the gradient that passes at v, which clip clipped to c and whose
// level is q: h = dy + |dy|*delta*(v - q) where clipping changed nothing, else 0.
// c and t are lost.
func (s isa) scaled(v, c, q, t, h reg.VecPhysical, dy operand.Mem, delta, sign operand.Op) {
	VMOVUPS(dy, h)
	if s.wide() {
		VCMPPS(operand.U8(equal), c, v, reg.K1)
		VPANDND(h, sign, t) // |dy|
	} else {
		VCMPPS(operand.U8(equal), c, v, c)
		VANDNPS(h, sign, t)
	}
	VMULPS(delta, t, t)
	if s.wide() {
		VSUBPS(q, v, c)
		VFMADD231PS(c, t, h)
		VMOVAPS_Z(h, reg.K1, h)
		return
	}
	m := s.v(9)
	VSUBPS(q, v, m)
	VFMADD231PS(m, t, h)
	VANDPS(c, h, h)
}

// signMask sets each lane to the sign bit.
func (s isa) signMask(to reg.VecPhysical) {
	if s.wide() {
		VPTERNLOGD(operand.U8(0xff), to, to, to)
	} else {
		VPCMPEQD(to, to, to)
	}
	VPSLLD(operand.U8(31), to, to)
}

const (
	evenDoc = "for i < n: v = max(fma(z[i], a[c], b[c])/scale, floor); q = round(min(max(v, qn), qp))\n\t  "
	passes  = "h = qn <= v <= qp ? fma(delta*|dy[i]|, v - q, dy[i]) : 0\n\t  "
)

// clipAbove is clip with a lower end that x stays at.
func (q quantizer) clipAbove(floor operand.Op, x, c reg.VecPhysical) {
	VDIVPS(q.scale, x, x)
	VMAXPS(floor, x, x)
	VMAXPS(q.qn, x, c)
	VMINPS(q.qp, c, c)
}

// above clears h where v is at its lower end; t is lost.
func (s isa) above(floor operand.Op, v, h, t reg.VecPhysical) {
	if s.wide() {
		VCMPPS(operand.U8(notEqual), floor, v, reg.K2)
		VMOVAPS_Z(h, reg.K2, h)
		return
	}
	VCMPPS(operand.U8(notEqual), floor, v, t)
	VANDPS(t, h, h)
}

func (s isa) staircase() {
	even := func() leveller { return s.even }
	ladder := func() leveller { return s.ladder(load("ladder")) }
	s.staircaseSums("staircaseSumsRow", evenDoc, "", even)
	s.staircaseSums("ladderSumsRow", ladderDoc, ", ladder *float32", ladder)
	s.staircaseValues("staircaseRow", evenDoc, "", even)
	s.staircaseValues("ladderRow", ladderDoc, ", ladder *float32", ladder)
	s.ladderCodes()
	s.staircaseSums("drawnSumsRow", drawnDoc, drawnParams, s.drawn)
	s.staircaseValues("drawnRow", drawnDoc, drawnParams, s.drawn)
	s.drawnCodes()
	s.staircaseGrad()
}

// staircaseSums loads the ladder first: the loop has registers for no more.
func (s isa) staircaseSums(name, doc, extra string, of func() leveller) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(name, "func(sum, dot, parts, dy, z, a, b, shift *float32, n, channels int, scale, qn, qp, floor, delta, slope float32"+extra+")",
		doc+passes+"parts[0][i%16] = fma(dy[i], q, ...); parts[1][i%16] += dy[i]; parts[2][i%16] = fma(h, v, ...); parts[3][i%16] += h\n\t  "+
			"dx = v != floor ? h*slope : 0; "+sumsDoc+cyclicNote)
	in, a, b, parts := floats("dy", "z"), load("a"), load("b"), load("parts")
	level := of()
	k := s.constants()
	q, delta, slope := k.quantizer("scale", "qn", "qp"), k.float("delta"), k.float("slope")
	sign, floor := k.place(s.signMask), k.float("floor")
	c, storeSums := s.loadSums(false)
	s.cyclic(in, func(h int, off reg.Register) {
		part := func(i int) operand.Mem { return mem(parts, i*64+h*s.size) }
		affine(s.part(in[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
		level(h, t(0), t(1), t(2), t(3), t(4))
		s.scaled(t(0), t(1), t(2), t(3), t(4), s.part(in[0], h), delta, sign)
		VMOVUPS(s.part(in[0], h), t(1))
		VMOVUPS(part(0), t(3))
		VFMADD231PS(t(2), t(1), t(3))
		VMOVUPS(t(3), part(0))
		VADDPS(part(1), t(1), t(1))
		VMOVUPS(t(1), part(1))
		VMOVUPS(part(2), t(3))
		VFMADD231PS(t(0), t(4), t(3))
		VMOVUPS(t(3), part(2))
		VADDPS(part(3), t(4), t(1))
		VMOVUPS(t(1), part(3))
		VMULPS(slope, t(4), t(4))
		s.above(floor, t(0), t(4), t(3))
		VMOVUPS(s.part(in[1], h), t(0))
		s.add(c, h, off, t(0), t(4))
	}, storeSums)
}

func (s isa) staircaseGrad() {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("staircaseGradRow", "func(dz, dy, z, a, b, p, q, r *float32, n, channels int, scale, qn, qp, floor, delta float32)",
		evenDoc+passes+"dz[i] = fma(v != floor ? h : 0, p[c], fma(z[i], q[c], r[c]))"+cyclicNote)
	io, a, b, fp, fq, fr := floats("dz", "dy", "z"), load("a"), load("b"), load("p"), load("q"), load("r")
	k := s.constants()
	q, delta := k.quantizer("scale", "qn", "qp"), k.float("delta")
	sign, floor := k.place(s.signMask), k.float("floor")
	s.cyclic(io, func(h int, off reg.Register) {
		affine(s.part(io[2], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
		s.even(h, t(0), t(1), t(2), t(3), t(4))
		s.scaled(t(0), t(1), t(2), t(3), t(4), s.part(io[1], h), delta, sign)
		s.above(floor, t(0), t(4), t(3))
		affine(s.part(io[2], h), s.channel(fq, off, h), s.channel(fr, off, h), t(0), t(1))
		VFMADD231PS(s.channel(fp, off, h), t(4), t(0))
		VMOVUPS(t(0), s.part(io[0], h))
	}, nothing)
}

func (s isa) staircaseValues(name, doc, extra string, of func() leveller) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(name, "func(y, z, a, b *float32, n, channels int, scale, qn, qp, floor, unit, offset float32"+extra+")", doc+"y[i] = q*unit + offset, rounded twice"+cyclicNote)
	io, a, b := floats("y", "z"), load("a"), load("b")
	level := of()
	k := s.constants()
	q, floor, unit, offset := k.quantizer("scale", "qn", "qp"), k.float("floor"), k.float("unit"), k.float("offset")
	s.cyclic(io, func(h int, off reg.Register) {
		affine(s.part(io[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
		level(h, t(0), t(1), t(2), t(3), t(4))
		VMULPS(unit, t(2), t(2))
		VADDPS(offset, t(2), t(2))
		VMOVUPS(t(2), s.part(io[0], h))
	}, nothing)
}

func (s isa) ladderCodes() {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("ladderCodesRow", "func(codes *uint8, z, a, b *float32, n, channels int, scale, floor float32, zeroPoint int32, ladder *float32)",
		ladderDoc+"codes[i] = q + zeroPoint"+cyclicNote)
	codes, z, a, b := stream{load("codes"), 1}, stream{load("z"), 4}, load("a"), load("b")
	level := s.ladder(load("ladder"))
	k := s.constants()
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
