package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
			"\t  sum[c], dot[c] and dsBranch[i%16] as affineUniformSumsRow, with dx for dy and branch's quantizer"+note)
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
		s.pass(t(2), t(3), t(5), t(4), dsTo[h], nil, nil)
		VMOVUPS(s.part(io[2], h), t(2))
		VMOVUPS(t(4), s.part(io[0], h))
		s.pass(t(0), t(1), t(5), t(4), dsBranch[h], nil, nil)
		s.add(c, h, off, t(2), t(4))
	}, func() { storeTo(); storeBranch(); storeSums() })
}

func (s isa) addCodes() {
	v := s.v
	if !s.wide() {
		s.text("addCodesRow", "func(codes, a, b *uint8, n int, ratioA, ratioB, offset, most float32, least int32)",
			"for i < n: codes[i] = max(round(min(fma(a[i], ratioA, fma(b[i], ratioB, offset)), most)), least)"+multiple+codeBoundsNote)
		codes, a, b := stream{load("codes"), 1}, stream{load("a"), 1}, stream{load("b"), 1}
		ratioA, ratioB, offset, t := v(4), v(5), v(6), v(2)
		s.broadcast("ratioA", ratioA)
		s.broadcast("ratioB", ratioB)
		s.broadcast("offset", offset)
		bounds := s.codeBounds(v(7), nil, v(8))
		s.flat([]stream{codes, a, b}, func(h int) {
			codesAsFloats(s.part(b, h), v(h))
			codesAsFloats(s.part(a, h), t)
			VFMADD213PS(offset, ratioB, v(h))
			VFMADD231PS(ratioA, t, v(h))
			if bounds.round(v(h)); h == 1 {
				bounds.store(v(0), v(1), mem(codes.base, 0))
			}
		}, nothing, nothing)
		return
	}
	s.text("addCodesRow", "func(codes, a, b *uint8, n int, ratioA, ratioB, offset, lo, hi float32)",
		"for i < n: v = fma(a[i], ratioA, fma(b[i], ratioB, offset))\n\t  codes[i] = round(min(max(v, lo), hi))"+multiple)
	codes, a, b := stream{load("codes"), 1}, stream{load("a"), 1}, stream{load("b"), 1}
	k := s.constants()
	ratioA, ratioB, offset, lo, hi := k.float("ratioA"), k.float("ratioB"), k.float("offset"), k.float("lo"), k.float("hi")
	s.flat([]stream{codes, a, b}, func(h int) {
		codesAsFloats(s.part(b, h), v(0))
		codesAsFloats(s.part(a, h), v(1))
		VFMADD213PS(offset, ratioB, v(0))
		VFMADD231PS(ratioA, v(1), v(0))
		VMAXPS(lo, v(0), v(0))
		VMINPS(hi, v(0), v(0))
		VCVTPS2DQ(v(0), v(0))
		s.storeBytes(0, nil, s.part(codes, h))
	}, nothing, nothing)
}

func codesAsFloats(codes operand.Mem, to reg.VecPhysical) {
	VPMOVZXBD(codes, to)
	VCVTDQ2PS(to, to)
}
