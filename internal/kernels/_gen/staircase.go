package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// leveller emits q = the level of v, which clip clipped to c, in vector part of the 16; t and u are lost.
type leveller func(part int, v, c, q, t, u reg.VecPhysical)

// even is that of evenly spaced levels.
func (s isa) even(_ int, _, c, q, _, _ reg.VecPhysical) { s.round(c, q) }

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
	even := kind{"staircase", evenDoc, "", func(*constants) leveller { return s.even }}
	ladder := kind{"ladder", ladderDoc, ", ladder *float32", func(k *constants) leveller { return k.ladder(load("ladder")) }}
	for _, l := range []kind{even, ladder} {
		s.staircaseSums(l, "SumsRow", ", channels", cyclicNote, false, s.cyclic)
		if s.wide() {
			s.staircaseSums(l, "Sums16Row", "", oneNote, true, s.one)
		}
		s.staircasePass(l)
		s.staircaseValues(l)
	}
	s.ladderCodes()
	drawn := kind{"drawn", drawnDoc, drawnParams, s.drawn}
	s.staircaseSums(drawn, "SumsRow", ", channels", cyclicNote, false, s.cyclic)
	s.staircasePass(drawn)
	s.staircaseValues(drawn)
	s.drawnCodes()
	s.staircaseGrad()
}

// kind is a kind of levels: the name its kernels begin with, its part of their documentation, the parameters that only
// it has, and its leveller.
type kind struct {
	name, doc, extra string
	leveller         func(*constants) leveller
}

// parts are running sums of 16 lanes each, one after the other: in memory or, where there are registers for them, there.
type parts struct {
	s    isa
	at   reg.Register
	held []reg.VecPhysical
}

// heldParts loads the first sums and returns what stores them.
func (s isa) heldParts(n int) (parts, func()) {
	p := parts{s: s, at: load("parts")}
	if !s.wide() {
		return p, nothing
	}
	for i := range n {
		p.held = append(p.held, s.v(i))
		VMOVUPS(p.mem(i, 0), s.v(i))
	}
	return p, func() {
		p.at = load("parts")
		for i, r := range p.held {
			VMOVUPS(r, p.mem(i, 0))
		}
	}
}

func (p parts) mem(i, h int) operand.Mem { return mem(p.at, i*64+h*p.s.size) }

// add emits parts[i] += x, for vector h of the 16; t is lost.
func (p parts) add(i, h int, x, t reg.VecPhysical) {
	if p.held != nil {
		VADDPS(x, p.held[i], p.held[i])
		return
	}
	VADDPS(p.mem(i, h), x, t)
	VMOVUPS(t, p.mem(i, h))
}

// dot emits parts[i] = fma(x, y, parts[i]); t is lost.
func (p parts) dot(i, h int, x, y, t reg.VecPhysical) {
	if p.held != nil {
		VFMADD231PS(x, y, p.held[i])
		return
	}
	VMOVUPS(p.mem(i, h), t)
	VFMADD231PS(x, y, t)
	VMOVUPS(t, p.mem(i, h))
}

const levelSumsDoc = "parts[0][i%16] = fma(dy[i], q, ...); parts[1][i%16] += dy[i]; parts[2][i%16] = fma(h, v, ...); parts[3][i%16] += h\n\t  "

// gradient is what the backward passes over levels have in common.
type gradient struct {
	quantizer
	delta, slope, sign, floor operand.Op
	level                     leveller
	parts                     parts
}

func (k *constants) gradient(l kind) gradient {
	g := gradient{quantizer: k.quantizer("scale", "qn", "qp"), delta: k.float("delta"), slope: k.float("slope")}
	g.sign, g.floor = k.place(k.s.signMask), k.float("floor")
	g.level = l.leveller(k)
	return g
}

// passing emits the sums and, in t[4], the gradient that passes, for x in t[0]; t is lost.
func (s isa) passing(g gradient, h int, dy operand.Mem, t func(int) reg.VecPhysical) {
	g.clipAbove(g.floor, t(0), t(1))
	g.level(h, t(0), t(1), t(2), t(3), t(4))
	s.scaled(t(0), t(1), t(2), t(3), t(4), dy, g.delta, g.sign)
	VMOVUPS(dy, t(1))
	g.parts.dot(0, h, t(2), t(1), t(3))
	g.parts.add(1, h, t(1), t(3))
	g.parts.dot(2, h, t(0), t(4), t(3))
	g.parts.add(3, h, t(4), t(3))
	VMULPS(g.slope, t(4), t(4))
	s.above(g.floor, t(0), t(4), t(3))
}

func (s isa) staircaseSums(l kind, name, channels, note string, hold bool, walk walk) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(l.name+name, "func(sum, dot, parts, dy, z, a, b, shift *float32, n"+channels+" int, scale, qn, qp, floor, delta, slope float32"+l.extra+")",
		l.doc+passes+levelSumsDoc+"dx = v != floor ? h*slope : 0; "+sumsDoc+note)
	in, a, b := floats("dy", "z"), load("a"), load("b")
	g := s.constants().gradient(l)
	var storeParts func()
	g.parts, storeParts = s.heldParts(4)
	c, storeSums := s.loadSums(hold)
	walk(in, func(h int, off reg.Register) {
		affine(s.part(in[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		s.passing(g, h, s.part(in[0], h), t)
		VMOVUPS(s.part(in[1], h), t(0))
		s.add(c, h, off, t(0), t(4))
	}, func() { storeParts(); storeSums() })
}

// offsetDoc is a kind's documentation where x is not behind a batch norm.
func offsetDoc(doc string) string {
	return strings.Replace(doc, "fma(z[i], a[c], b[c])", "(x[i] + offset)", 1)
}

func (s isa) staircasePass(l kind) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(l.name+"PassRow", "func(dx, parts, dy, x *float32, n int, offset, scale, qn, qp, floor, delta, slope float32"+l.extra+")",
		offsetDoc(l.doc)+passes+levelSumsDoc+"dx[i] = v != floor ? h*slope : 0"+multiple)
	io := floats("dx", "dy", "x")
	k := s.constants()
	g := k.gradient(l)
	offset := k.float("offset")
	var storeParts func()
	g.parts, storeParts = s.heldParts(4)
	s.flat(io, func(h int) {
		VMOVUPS(s.part(io[2], h), t(0))
		VADDPS(offset, t(0), t(0))
		s.passing(g, h, s.part(io[1], h), t)
		VMOVUPS(t(4), s.part(io[0], h))
	}, nothing, storeParts)
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

func (s isa) staircaseValues(l kind) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(l.name+"Row", "func(y, z, a, b *float32, n, channels int, scale, qn, qp, floor, unit, offset float32"+l.extra+")", l.doc+"y[i] = q*unit + offset, rounded twice"+cyclicNote)
	io, a, b := floats("y", "z"), load("a"), load("b")
	k := s.constants()
	q, floor, unit, offset := k.quantizer("scale", "qn", "qp"), k.float("floor"), k.float("unit"), k.float("offset")
	level := l.leveller(k)
	s.cyclic(io, func(h int, off reg.Register) {
		affine(s.part(io[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clipAbove(floor, t(0), t(1))
		level(h, t(0), t(1), t(2), t(3), t(4))
		VMULPS(unit, t(2), t(2))
		VADDPS(offset, t(2), t(2))
		VMOVUPS(t(2), s.part(io[0], h))
	}, nothing)
}
