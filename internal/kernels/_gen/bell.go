package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bell is a Bell: where its numbers are, and those that all have.
type bell struct {
	k, a, b, p, q, many, linear      operand.Op
	one, half, four, log2e, lowest   operand.Op
	power                            []operand.Op // 2^f = sum of power[i]*f^i
	sign                             operand.Op
	d, w, u, tanh, square, t, height reg.VecPhysical
}

const bellDoc = "d = many ? v - floor(v) - 1/2 : v; h = qn <= v <= qp ? dy[i]*height(|d|) : 0\n\t  "

// constant places a number.
func (k *constants) constant(x float64) operand.Op { return k.bits(math.Float32bits(float32(x))) }

// bits places 32 bits.
func (k *constants) bits(x uint32) operand.Op {
	return k.place(func(r reg.VecPhysical) {
		bits := GP32()
		MOVL(operand.U32(x), bits)
		VMOVD(bits, xmm[0])
		VPBROADCASTD(xmm[0], r)
	})
}

// bell reads the Bell at an address. It uses vector registers 0 to 3 and 6 to 8.
func (k *constants) bell(at reg.Register, sign operand.Op) bell {
	field := func(i int) operand.Op {
		return k.place(func(r reg.VecPhysical) { VBROADCASTSS(mem(at, 4*i), r) })
	}
	b := bell{k: field(0), a: field(1), b: field(2), p: field(3), q: field(4), many: field(5), linear: field(6),
		one: k.constant(1), half: k.constant(0.5), four: k.constant(4), log2e: k.constant(-math.Log2E), lowest: k.constant(-125), sign: sign}
	c := 1.0
	for i := range 8 {
		b.power = append(b.power, k.constant(c))
		c *= math.Ln2 / float64(i+1)
	}
	v := k.s.v
	b.d, b.w, b.u, b.tanh, b.square, b.t, b.height = v(0), v(1), v(2), v(3), v(6), v(7), v(8)
	return b
}

// heightAt emits height, and what the sums need, at v.
func (s isa) heightAt(b bell, v reg.VecPhysical) {
	if s.wide() {
		VRNDSCALEPS(operand.U8(1), v, b.d)
	} else {
		VROUNDPS(operand.U8(1), v, b.d)
	}
	VADDPS(b.half, b.d, b.d)
	VMULPS(b.many, b.d, b.d)
	VSUBPS(b.d, v, b.d)
	s.magnitude(b.sign, b.d, b.w)
	VMULPS(b.k, b.w, b.w)
	VMULPS(b.log2e, b.w, b.t)
	VMAXPS(b.lowest, b.t, b.t)
	s.round(b.t, b.tanh)
	VSUBPS(b.tanh, b.t, b.t)
	VMOVUPS(b.power[7], b.u)
	for i := 6; i >= 0; i-- {
		VFMADD213PS(b.power[i], b.t, b.u)
	}
	VCVTPS2DQ(b.tanh, b.tanh)
	VPSLLD(operand.U8(23), b.tanh, b.tanh)
	VPADDD(b.tanh, b.u, b.u)
	VADDPS(b.one, b.u, b.t)
	VMOVUPS(b.one, b.tanh)
	VDIVPS(b.t, b.tanh, b.t) // 1/(1 + u)
	VMOVUPS(b.one, b.tanh)
	VSUBPS(b.u, b.tanh, b.tanh)
	VMULPS(b.t, b.tanh, b.tanh)
	VMULPS(b.t, b.u, b.square)
	VMULPS(b.t, b.square, b.square)
	VMULPS(b.four, b.square, b.square)
	VMULPS(b.b, b.w, b.t)
	VMOVUPS(b.a, b.height)
	VFNMADD231PS(b.t, b.tanh, b.height)
	VMULPS(b.square, b.height, b.height)
	VMOVUPS(b.a, b.t)
	VSUBPS(b.w, b.t, b.t)
	VMOVUPS(b.linear, b.u) // all ones, or 0
	if s.wide() {
		VPTERNLOGD(operand.U8(0xca), b.height, b.t, b.u) // u ? t : height
		VMOVAPS(b.u, b.height)
		return
	}
	VANDPS(b.t, b.u, b.t)
	VANDNPS(b.height, b.u, b.height)
	VORPS(b.t, b.height, b.height)
}

// magnitude emits to = |from|.
func (s isa) magnitude(sign operand.Op, from, to reg.VecPhysical) {
	if s.wide() {
		VPANDND(from, sign, to)
	} else {
		VMOVUPS(sign, to)
		VANDNPS(from, to, to)
	}
}

// inside leaves x where c is v, else 0.
func (s isa) inside(v, c, x reg.VecPhysical) {
	if s.wide() {
		VMOVAPS_Z(x, reg.K1, x)
	} else {
		VANDPS(c, x, x)
	}
}

// compare prepares inside: AVX2 has the mask in c.
func (s isa) compare(v, c reg.VecPhysical) {
	if s.wide() {
		VCMPPS(operand.U8(equal), c, v, reg.K1)
	} else {
		VCMPPS(operand.U8(equal), c, v, c)
	}
}

// bellGradient is what the backward passes over a bell have in common.
type bellGradient struct {
	quantizer
	slope, sign, floor operand.Op
	shape              bell
	parts              parts
}

func (k *constants) bellGradient() bellGradient {
	g := bellGradient{quantizer: k.quantizer("scale", "qn", "qp"), slope: k.float("slope"), sign: k.place(k.s.signMask), floor: k.float("floor")}
	g.shape = k.bell(load("bell"), g.sign)
	return g
}

const bellSumsDoc = levelSumsDoc + "parts[4][i%16] = fma(dy[i], qn <= v <= qp ? p*tanh + q*d*(1 - tanh*tanh) : 0, ...)\n\t  "

// bellPassing emits the sums and, in shape.height, the gradient that passes, for x in v; c is lost.
func (s isa) bellPassing(g bellGradient, h int, from operand.Mem, v, c reg.VecPhysical) {
	shape := g.shape
	g.clipAbove(g.floor, v, c)
	s.heightAt(shape, v)
	dy, t := shape.w, shape.u
	VMOVUPS(from, dy)
	s.round(c, t)
	g.parts.dot(0, h, dy, t, shape.t)
	s.compare(v, c)
	// p*tanh, with the sign of d, + (q*d)*square
	VMOVUPS(g.sign, t)
	if s.wide() {
		VPANDD(shape.d, t, t)
		VPXORD(shape.tanh, t, t)
	} else {
		VANDPS(shape.d, t, t)
		VXORPS(shape.tanh, t, t)
	}
	VMULPS(shape.p, t, t)
	VMULPS(shape.q, shape.d, shape.d)
	VFMADD231PS(shape.square, shape.d, t)
	s.inside(v, c, t)
	g.parts.dot(4, h, dy, t, shape.t)
	VMULPS(dy, shape.height, shape.height)
	s.inside(v, c, shape.height)
	g.parts.add(1, h, dy, t)
	g.parts.dot(2, h, v, shape.height, shape.t)
	g.parts.add(3, h, shape.height, t)
	VMULPS(g.slope, shape.height, shape.height)
	s.above(g.floor, v, shape.height, t)
}

func (s isa) bells() {
	v, c := s.v(4), s.v(5)
	s.text("bellSumsRow", "func(sum, dot, parts, dy, z, a, b, shift *float32, n, channels int, scale, qn, qp, floor, slope float32, bell *float32)",
		evenDoc+bellDoc+bellSumsDoc+"dx = v != floor ? h*slope : 0; "+sumsDoc+cyclicNote)
	in, a, b, parts := floats("dy", "z"), load("a"), load("b"), parts{s: s, at: load("parts")}
	k := s.constants()
	g := k.bellGradient()
	g.parts = parts
	sums, storeSums := s.loadSums(false)
	s.cyclic(in, func(h int, off reg.Register) {
		affine(s.part(in[1], h), s.channel(a, off, h), s.channel(b, off, h), v, c)
		s.bellPassing(g, h, s.part(in[0], h), v, c)
		VMOVUPS(s.part(in[1], h), v)
		s.add(sums, h, off, v, g.shape.height)
	}, storeSums)

	s.text("bellPassRow", "func(dx, parts, dy, x *float32, n int, offset, scale, qn, qp, floor, slope float32, bell *float32)",
		offsetDoc(evenDoc)+bellDoc+bellSumsDoc+"dx[i] = v != floor ? h*slope : 0"+multiple)
	flat := floats("dx", "dy", "x")
	parts.at = load("parts")
	k = s.constants()
	g = k.bellGradient()
	g.parts = parts
	offset := k.float("offset")
	s.flat(flat, func(h int) {
		VMOVUPS(s.part(flat[2], h), v)
		VADDPS(offset, v, v)
		s.bellPassing(g, h, s.part(flat[1], h), v, c)
		VMOVUPS(g.shape.height, s.part(flat[0], h))
	}, nothing, nothing)

	s.text("bellGradRow", "func(dz, dy, z, a, b, p, q, r *float32, n, channels int, scale, qn, qp, floor float32, bell *float32)",
		evenDoc+bellDoc+"dz[i] = fma(v != floor ? h : 0, p[c], fma(z[i], q[c], r[c]))"+cyclicNote)
	io, fp, fq, fr := floats("dz", "dy", "z"), load("p"), load("q"), load("r")
	a, b = load("a"), load("b")
	k = s.constants()
	q := k.quantizer("scale", "qn", "qp")
	sign, floor := k.place(s.signMask), k.float("floor")
	shape := k.bell(load("bell"), sign)
	s.cyclic(io, func(h int, off reg.Register) {
		affine(s.part(io[2], h), s.channel(a, off, h), s.channel(b, off, h), v, c)
		q.clipAbove(floor, v, c)
		s.heightAt(shape, v)
		s.compare(v, c)
		VMULPS(s.part(io[1], h), shape.height, shape.height)
		s.inside(v, c, shape.height)
		s.above(floor, v, shape.height, shape.t)
		affine(s.part(io[2], h), s.channel(fq, off, h), s.channel(fr, off, h), v, c)
		VFMADD231PS(s.channel(fp, off, h), shape.height, v)
		VMOVUPS(v, s.part(io[0], h))
	}, nothing)
}
