package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// scaled emits the gradient that passes at v, which clip clipped to c: h = dy +
// |dy|*delta*(v - round(c)) where clipping changed nothing, else 0. It leaves
// round(c) in q; c and t are lost.
func (s isa) scaled(v, c, q, t, h reg.VecPhysical, dy operand.Mem, delta, sign operand.Op) {
	s.round(c, q)
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

const staircaseDoc = "for i < n: v = max(fma(z[i], a[c], b[c])/scale, floor); q = round(min(max(v, qn), qp))\n" +
	"\t  h = qn <= v <= qp ? fma(delta*|dy[i]|, v - q, dy[i]) : 0\n\t  "

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
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("staircaseSumsRow", "func(sum, dot, parts, dy, z, a, b, shift *float32, n, channels int, scale, qn, qp, floor, delta, slope float32)",
		staircaseDoc+"parts[0][i%16] = fma(dy[i], q, ...); parts[1][i%16] += dy[i]; parts[2][i%16] = fma(h, v, ...); parts[3][i%16] += h\n\t  "+
			"dx = v != floor ? h*slope : 0; "+sumsDoc+cyclicNote)
	in, a, b, parts := floats("dy", "z"), load("a"), load("b"), load("parts")
	k := s.constants()
	q, delta, slope := k.quantizer("scale", "qn", "qp"), k.float("delta"), k.float("slope")
	sign, floor := k.place(s.signMask), k.float("floor")
	c, storeSums := s.loadSums(false)
	s.cyclic(in, func(h int, off reg.Register) {
		part := func(i int) operand.Mem { return mem(parts, i*64+h*s.size) }
		affine(s.part(in[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
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

	s.text("staircaseGradRow", "func(dz, dy, z, a, b, p, q, r *float32, n, channels int, scale, qn, qp, floor, delta float32)",
		staircaseDoc+"dz[i] = fma(v != floor ? h : 0, p[c], fma(z[i], q[c], r[c]))"+cyclicNote)
	io, a, b, fp, fq, fr := floats("dz", "dy", "z"), load("a"), load("b"), load("p"), load("q"), load("r")
	k = s.constants()
	q, delta = k.quantizer("scale", "qn", "qp"), k.float("delta")
	sign, floor = k.place(s.signMask), k.float("floor")
	s.cyclic(io, func(h int, off reg.Register) {
		affine(s.part(io[2], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
		s.scaled(t(0), t(1), t(2), t(3), t(4), s.part(io[1], h), delta, sign)
		s.above(floor, t(0), t(4), t(3))
		affine(s.part(io[2], h), s.channel(fq, off, h), s.channel(fr, off, h), t(0), t(1))
		VFMADD231PS(s.channel(fp, off, h), t(4), t(0))
		VMOVUPS(t(0), s.part(io[0], h))
	}, nothing)
}
