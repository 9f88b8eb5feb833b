package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// affine emits x = fma(z, a, b); t is lost.
func affine(z, a, b operand.Mem, x, t reg.VecPhysical) {
	VMOVUPS(z, x)
	VMOVUPS(a, t)
	VFMADD213PS(b, t, x)
}

func (s isa) fused() {
	s.affineQuantize()
	s.affineUniformSums("affineUniformSumsRow", ", channels", cyclicNote, false, s.cyclic)
	s.affineUniformGrad()
	s.residualQuantize()
	s.residualSums("residualSumsRow", ", channels", cyclicNote, false, s.cyclic)
	if s.wide() {
		s.affineUniformSums("affineUniformSums16Row", "", oneNote, true, s.one)
		s.residualSums("residualSums16Row", "", oneNote, true, s.one)
	}
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

func (s isa) affineUniformSums(name, channels, note string, hold bool, walk walk) {
	t := func(i int) reg.VecPhysical { return s.v(4 + i) }
	s.text(name, "func(sum, dot, ds, dy, z, a, b, shift *float32, n"+channels+" int, scale, qn, qp, slope, beyond float32)",
		"for i < n: v = fma(z[i], a[c], b[c])/scale; inside = qn <= v <= qp\n\t  "+beyondDoc+
			"dx = inside ? dy[i] : 0\n\t  "+sumsDoc+note)
	in, a, b := floats("dy", "z"), load("a"), load("b")
	k := s.constants()
	q, slope, beyond := k.quantizer("scale", "qn", "qp"), k.float("slope"), k.float("beyond")
	ds, storeLanes := s.lanesIn("ds", 0)
	c, storeSums := s.loadSums(hold)
	walk(in, func(h int, off reg.Register) {
		affine(s.part(in[1], h), s.channel(a, off, h), s.channel(b, off, h), t(0), t(1))
		q.clip(t(0), t(1))
		VMOVUPS(s.part(in[0], h), t(2))
		s.pass(t(0), t(1), t(3), t(2), ds[h], slope, beyond)
		VMOVUPS(s.part(in[1], h), t(0))
		s.add(c, h, off, t(0), t(2))
	}, func() { storeLanes(); storeSums() })
}

func (s isa) affineUniformGrad() {
	v := s.v
	s.text("affineUniformGradRow", "func(dz, dy, z, a, b, p, q, r *float32, n, channels int, scale, qn, qp float32)",
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
