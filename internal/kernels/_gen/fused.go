package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants places parameters, the same in all lanes, in the vector registers
// from the last down to 10 and then on the stack.
type constants struct {
	s    isa
	next int
}

func (s isa) constants() *constants { return &constants{s, s.last()} }

func (k *constants) place(set func(reg.VecPhysical)) operand.Op {
	if k.next >= 10 {
		r := k.s.v(k.next)
		k.next--
		set(r)
		return r
	}
	m := AllocLocal(k.s.size)
	set(k.s.v(0))
	VMOVUPS(k.s.v(0), m)
	return m
}

func (k *constants) float(name string) operand.Op {
	return k.place(func(r reg.VecPhysical) { k.s.broadcast(name, r) })
}

func (k *constants) int(name string) operand.Op {
	return k.place(func(r reg.VecPhysical) { k.s.broadcastInt(name, r) })
}

func (k *constants) byteMask() operand.Op { return k.place(k.s.byteMask) }

func (k *constants) quantizer(scale, qn, qp string) quantizer {
	return quantizer{k.float(scale), k.float(qn), k.float(qp)}
}

type quantizer struct{ scale, qn, qp operand.Op }

// clip emits x /= scale, c = x clipped; c may be x.
func (q quantizer) clip(x, c reg.VecPhysical) {
	VDIVPS(q.scale, x, x)
	VMAXPS(q.qn, x, c)
	VMINPS(q.qp, c, c)
}

// codes emits the codes of x, in 32 bits.
func (q quantizer) codes(zeroPoint operand.Op, x reg.VecPhysical) {
	q.clip(x, x)
	VCVTPS2DQ(x, x)
	VPADDD(zeroPoint, x, x)
}

const equal = 0x00 // EQ_OQ

// pass emits the gradient at v, which clip clipped to c: ds += dy*slope and dy =
// what passes, where clipping changed nothing. The slope there is round(v) - v,
// times the factor inside unless that is nil. v, c and t are lost.
func (s isa) pass(v, c, t, dy, ds reg.VecPhysical, inside operand.Op) {
	s.round(v, t)
	if s.wide() {
		VCMPPS(operand.U8(equal), c, v, reg.K1)
		if inside == nil {
			VSUBPS(v, t, reg.K1, c)
		} else {
			VSUBPS(v, t, t)
			VMULPS(inside, t, reg.K1, c)
		}
		VFMADD231PS(c, dy, ds)
		VMOVAPS_Z(dy, reg.K1, dy)
		return
	}
	VSUBPS(v, t, t)
	if inside != nil {
		VMULPS(inside, t, t)
	}
	VCMPPS(operand.U8(equal), c, v, v)
	VBLENDVPS(v, t, c, c)
	VFMADD231PS(c, dy, ds)
	VANDPS(v, dy, dy)
}

// dequantizer is the real value of codes.
type dequantizer struct{ scale, zeroPoint operand.Op }

func (s isa) dequantize(d dequantizer, codes operand.Mem, to reg.VecPhysical) {
	VPMOVZXBD(codes, to)
	VPSUBD(d.zeroPoint, to, to)
	VCVTDQ2PS(to, to)
	VMULPS(d.scale, to, to)
}

// affine emits x = fma(z, a, b); t is lost.
func affine(z, a, b operand.Mem, x, t reg.VecPhysical) {
	VMOVUPS(z, x)
	VMOVUPS(a, t)
	VFMADD213PS(b, t, x)
}

// lanesIn loads the 16 running sums of array name, and returns their registers,
// from number first, and what stores them.
func (s isa) lanesIn(name string, first int) (sums []reg.VecPhysical, store func()) {
	p := load(name)
	for h := range s.parts() {
		sums = append(sums, s.v(first+h))
		VMOVUPS(mem(p, h*s.size), sums[h])
	}
	return sums, func() {
		p := load(name)
		for h, r := range sums {
			VMOVUPS(r, mem(p, h*s.size))
		}
	}
}

// sums are the running sums of each channel, in memory or, of 16 channels, in
// registers: a chain through memory is slower than the rest of a pixel's work,
// more channels hide that.
type sums struct {
	sum, dot, shift reg.Register
	held            []reg.VecPhysical
}

func (s isa) loadSums(hold bool) (sums, func()) {
	c := sums{sum: load("sum"), dot: load("dot"), shift: load("shift")}
	if !hold {
		return c, nothing
	}
	c.held = []reg.VecPhysical{s.v(10), s.v(11)}
	VMOVUPS(mem(c.sum, 0), c.held[0])
	VMOVUPS(mem(c.dot, 0), c.held[1])
	return c, func() {
		VMOVUPS(c.held[0], mem(c.sum, 0))
		VMOVUPS(c.held[1], mem(c.dot, 0))
	}
}

// add emits sum += dx, dot = fma(dx, z - shift, dot); z and dx are lost.
func (s isa) add(c sums, h int, off reg.Register, z, dx reg.VecPhysical) {
	VSUBPS(s.channel(c.shift, off, h), z, z)
	if c.held != nil {
		VADDPS(dx, c.held[0], c.held[0])
		VFMADD231PS(z, dx, c.held[1])
		return
	}
	VFMADD213PS(s.channel(c.dot, off, h), dx, z)
	VADDPS(s.channel(c.sum, off, h), dx, dx)
	VMOVUPS(z, s.channel(c.dot, off, h))
	VMOVUPS(dx, s.channel(c.sum, off, h))
}

// one is cyclic for 16 channels, where there is no offset.
func (s isa) one(streams []stream, body func(h int, off reg.Register), after func()) {
	s.flat(streams, func(h int) { body(h, nil) }, nothing, after)
}

const (
	codesDoc = " = round(min(max(v, qn), qp)) + zeroPoint"
	passDoc  = "ds[i%16] = fma(dy[i], inside ? (round(v) - v)*slope : min(max(v, qn), qp), ds[i%16])\n\t  "
	oneNote  = "\n\nc = i mod 16; n is a multiple of 16."
	sumsDoc  = "sum[c] += dx; dot[c] = fma(dx, z[i] - shift[c], dot[c])"
)

// walk emits a loop over rows of channels.
type walk func(streams []stream, body func(h int, off reg.Register), after func())

func (s isa) fused() {
	s.affineQuantize()
	s.affineStepSums("affineStepSumsRow", ", channels", cyclicNote, false, s.cyclic)
	s.affineStepGrad()
	s.residualQuantize()
	s.residualSums("residualSumsRow", ", channels", cyclicNote, false, s.cyclic)
	if s.wide() {
		s.affineStepSums("affineStepSums16Row", "", oneNote, true, s.one)
		s.residualSums("residualSums16Row", "", oneNote, true, s.one)
	}
	s.requantizeCodes()
	s.requantizeGrad()
	s.addCodes()
}

func (s isa) affineQuantize() {
	v := s.v
	s.text("affineQuantizeRow", "func(codes *uint8, z, a, b *float32, n, channels int, scale, qn, qp float32, zeroPoint int32)",
		"for i < n: v = fma(z[i], a[c], b[c])/scale\n\t  codes[i]"+codesDoc+cyclicNote)
	codes, z, a, b := stream{load("codes"), 1}, stream{load("z"), 4}, load("a"), load("b")
	k := s.constants()
	mask, q, zeroPoint := k.byteMask(), k.quantizer("scale", "qn", "qp"), k.int("zeroPoint")
	s.cyclic([]stream{codes, z}, func(h int, off reg.Register) {
		affine(s.part(z, h), s.channel(a, off, h), s.channel(b, off, h), v(0), v(1))
		q.codes(zeroPoint, v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing)
}

func (s isa) affineStepSums(name, channels, note string, hold bool, walk walk) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(name, "func(sum, dot, ds, dy, z, a, b, shift *float32, n"+channels+" int, scale, qn, qp, slope float32)",
		"for i < n: v = fma(z[i], a[c], b[c])/scale; inside = qn <= v <= qp\n\t  "+passDoc+
			"dx = inside ? dy[i] : 0\n\t  "+sumsDoc+note)
	in, a, b := floats("dy", "z"), load("a"), load("b")
	k := s.constants()
	q, slope := k.quantizer("scale", "qn", "qp"), k.float("slope")
	ds, storeLanes := s.lanesIn("ds", 0)
	c, storeSums := s.loadSums(hold)
	walk(in, func(h int, off reg.Register) {
		affine(s.part(in[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clip(t(0), t(1))
		VMOVUPS(s.part(in[0], h), t(2))
		s.pass(t(0), t(1), t(3), t(2), ds[h], slope)
		VMOVUPS(s.part(in[1], h), t(0))
		s.add(c, h, off, t(0), t(2))
	}, func() { storeLanes(); storeSums() })
}

func (s isa) affineStepGrad() {
	v := s.v
	s.text("affineStepGradRow", "func(dz, dy, z, a, b, p, q, r *float32, n, channels int, scale, qn, qp float32)",
		"for i < n: v = fma(z[i], a[c], b[c])/scale\n\t  dx = qn <= v <= qp ? dy[i] : 0\n"+
			"\t  dz[i] = fma(dx, p[c], fma(z[i], q[c], r[c]))"+cyclicNote)
	in, a, b, fp, fq, fr := floats("dz", "dy", "z"), load("a"), load("b"), load("p"), load("q"), load("r")
	q := s.constants().quantizer("scale", "qn", "qp")
	s.cyclic(in, func(h int, off reg.Register) {
		affine(s.part(in[2], h), s.channel(a, off, h), s.channel(b, off, h), v(0), v(1))
		q.clip(v(0), v(1))
		if s.wide() {
			VCMPPS(operand.U8(equal), v(1), v(0), reg.K1)
			VMOVUPS_Z(s.part(in[1], h), reg.K1, v(2))
		} else {
			VCMPPS(operand.U8(equal), v(1), v(0), v(0))
			VANDPS(s.part(in[1], h), v(0), v(2))
		}
		affine(s.part(in[2], h), s.channel(fq, off, h), s.channel(fr, off, h), v(0), v(1))
		VFMADD231PS(s.channel(fp, off, h), v(2), v(0))
		VMOVUPS(v(0), s.part(in[0], h))
	}, nothing)
}

// residual emits x = branch(norm) + from(stream), norm = fma(z, a, b), and
// leaves norm/scale of branch in v and the same clipped in c.
func (s isa) residual(branch quantizer, from dequantizer, z, a, b, stream operand.Mem, v, c, x, t reg.VecPhysical) {
	affine(z, a, b, v, c)
	branch.clip(v, c)
	VCVTPS2DQ(c, x)
	VCVTDQ2PS(x, x)
	VMULPS(branch.scale, x, x)
	s.dequantize(from, stream, t)
	VADDPS(t, x, x)
}

const residualDoc = "x = round(min(max(fma(z[i], a[c], b[c])/branchScale, branchQn), branchQp)) * branchScale\n" +
	"\t  x += float32(stream[i] - fromZeroPoint) * fromScale\n\t  v = x/scale"

func (s isa) residualQuantize() {
	v := s.v
	s.text("residualQuantizeRow", "func(codes *uint8, z, a, b *float32, stream *uint8, n, channels int, branchScale, branchQn, branchQp, fromScale float32, fromZeroPoint int32, scale, qn, qp float32, zeroPoint int32)",
		"for i < n:\n\t  "+residualDoc+"\n\t  codes[i]"+codesDoc+cyclicNote)
	codes, z, in, a, b := stream{load("codes"), 1}, stream{load("z"), 4}, stream{load("stream"), 1}, load("a"), load("b")
	k := s.constants()
	mask, branch, to := k.byteMask(), k.quantizer("branchScale", "branchQn", "branchQp"), k.quantizer("scale", "qn", "qp")
	from, zeroPoint := dequantizer{k.float("fromScale"), k.int("fromZeroPoint")}, k.int("zeroPoint")
	s.cyclic([]stream{codes, z, in}, func(h int, off reg.Register) {
		s.residual(branch, from, s.part(z, h), s.channel(a, off, h), s.channel(b, off, h), s.part(in, h), v(1), v(2), v(0), v(3))
		to.codes(zeroPoint, v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing)
}

func (s isa) residualSums(name, channels, note string, hold bool, walk walk) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(name, "func(dx, sum, dot, dsTo, dsBranch, dy, z, a, b, shift *float32, stream *uint8, n"+channels+" int, branchScale, branchQn, branchQp, fromScale float32, fromZeroPoint int32, scale, qn, qp float32)",
		"for i < n:\n\t  "+residualDoc+"; inside = qn <= v <= qp\n\t  dsTo[i%16] = fma(dy[i], inside ? round(v) - v : min(max(v, qn), qp), dsTo[i%16])\n"+
			"\t  dx[i] = inside ? dy[i] : 0\n"+
			"\t  sum[c], dot[c] and dsBranch[i%16] as affineStepSumsRow, with dx for dy and branch's quantizer"+note)
	io, in, a, b := floats("dx", "dy", "z"), stream{load("stream"), 1}, load("a"), load("b")
	k := s.constants()
	branch, to := k.quantizer("branchScale", "branchQn", "branchQp"), k.quantizer("scale", "qn", "qp")
	from := dequantizer{k.float("fromScale"), k.int("fromZeroPoint")}
	dsTo, storeTo := s.lanesIn("dsTo", 0)
	dsBranch, storeBranch := s.lanesIn("dsBranch", 2)
	c, storeSums := s.loadSums(hold)
	walk(append(io, in), func(h int, off reg.Register) {
		s.residual(branch, from, s.part(io[2], h), s.channel(a, off, h), s.channel(b, off, h), s.part(in, h), t(0), t(1), t(2), t(3))
		to.clip(t(2), t(3))
		VMOVUPS(s.part(io[1], h), t(4))
		s.pass(t(2), t(3), t(5), t(4), dsTo[h], nil)
		VMOVUPS(s.part(io[2], h), t(2))
		VMOVUPS(t(4), s.part(io[0], h))
		s.pass(t(0), t(1), t(5), t(4), dsBranch[h], nil)
		s.add(c, h, off, t(2), t(4))
	}, func() { storeTo(); storeBranch(); storeSums() })
}

const requantizeDoc = "for i < n: v = float32(stream[i] - fromZeroPoint) * fromScale / scale"

func (s isa) requantizeCodes() {
	s.text("requantizeCodesRow", "func(codes, stream *uint8, n int, fromScale float32, fromZeroPoint int32, scale, qn, qp float32, zeroPoint int32)",
		requantizeDoc+"\n\t  codes[i]"+codesDoc+multiple)
	codes, in := stream{load("codes"), 1}, stream{load("stream"), 1}
	k := s.constants()
	mask, from := k.byteMask(), dequantizer{k.float("fromScale"), k.int("fromZeroPoint")}
	to, zeroPoint := k.quantizer("scale", "qn", "qp"), k.int("zeroPoint")
	s.flat([]stream{codes, in}, func(h int) {
		s.dequantize(from, s.part(in, h), s.v(0))
		to.codes(zeroPoint, s.v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing, nothing)
}

func (s isa) requantizeGrad() {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text("requantizeGradRow", "func(ds, dx *float32, stream *uint8, dy *float32, n int, fromScale float32, fromZeroPoint int32, scale, qn, qp, slope float32)",
		requantizeDoc+"; inside = qn <= v <= qp\n\t  "+passDoc+"dx[i] = inside ? dy[i] : 0"+multiple)
	io, in := floats("dx", "dy"), stream{load("stream"), 1}
	k := s.constants()
	from, to, slope := dequantizer{k.float("fromScale"), k.int("fromZeroPoint")}, k.quantizer("scale", "qn", "qp"), k.float("slope")
	ds, store := s.lanesIn("ds", 0)
	s.flat(append(io, in), func(h int) {
		s.dequantize(from, s.part(in, h), t(0))
		to.clip(t(0), t(1))
		VMOVUPS(s.part(io[1], h), t(2))
		s.pass(t(0), t(1), t(3), t(2), ds[h], slope)
		VMOVUPS(t(2), s.part(io[0], h))
	}, nothing, store)
}

func (s isa) addCodes() {
	v := s.v
	s.text("addCodesRow", "func(codes, a, b *uint8, n int, ratioA, ratioB, offset, lo, hi float32)",
		"for i < n: v = fma(a[i], ratioA, fma(b[i], ratioB, offset))\n\t  codes[i] = round(min(max(v, lo), hi))"+multiple)
	codes, a, b := stream{load("codes"), 1}, stream{load("a"), 1}, stream{load("b"), 1}
	k := s.constants()
	mask := k.byteMask()
	ratioA, ratioB, offset, lo, hi := k.float("ratioA"), k.float("ratioB"), k.float("offset"), k.float("lo"), k.float("hi")
	s.flat([]stream{codes, a, b}, func(h int) {
		for i, x := range []stream{b, a} {
			VPMOVZXBD(s.part(x, h), v(i))
			VCVTDQ2PS(v(i), v(i))
		}
		VFMADD213PS(offset, ratioB, v(0))
		VFMADD231PS(ratioA, v(1), v(0))
		VMAXPS(lo, v(0), v(0))
		VMINPS(hi, v(0), v(0))
		VCVTPS2DQ(v(0), v(0))
		s.storeBytes(0, mask, s.part(codes, h))
	}, nothing, nothing)
}
