package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthQuads emits the depthwise convolution of codes with VNNI.
func (s isa) depthQuads() {
	if !s.wide() {
		return
	}
	// The dwords of four lanes, and the bytes of four dwords, the other way round.
	dwords := GLOBL("transposeDwords", attr.RODATA|attr.NOPTR)
	for i := range 16 {
		DATA(4*i, operand.U32(uint32(i%4*4+i/4)))
	}
	bytes := GLOBL("transposeBytes", attr.RODATA|attr.NOPTR)
	for i := range 64 {
		DATA(i, operand.U8(uint8(i%4*4+i%16/4)))
	}
	s.interleave(dwords, bytes)
	s.depthCodes(dwords)
}

func (s isa) interleave(dwords, bytes operand.Mem) {
	s.text("interleave", "func(quads *uint32, r0, r1, r2, r3 *uint8, n, pixels, pix int, mask uint32)",
		"for p < pixels, i < n: the bytes of quads[p*n + i] = r0[p*pix + i], r1[p*pix + i], r2[p*pix + i], r3[p*pix + i]\n\nwhere mask has the lowest n mod 16 bits.")
	order, shuffle := zmm[8], zmm[9]
	VMOVUPS(dwords, order)
	VMOVUPS(bytes, shuffle)
	m := Load(Param("mask"), GP32())
	KMOVD(m, reg.K1)
	to, pixels, n, gap, full := load("quads"), load("pixels"), load("n"), load("pix"), GP64()
	var rows [4]reg.Register
	for r := range rows {
		rows[r] = load([]string{"r0", "r1", "r2", "r3"}[r])
	}
	SUBQ(n, gap)
	at, tail := GP64(), GP64()
	XORQ(at, at)
	MOVQ(n, tail)
	ANDQ(operand.Imm(15), tail)
	SHRQ(operand.U8(4), n)
	transpose := func() {
		VPERMD(zmm[0], order, zmm[0])
		VPSHUFB(shuffle, zmm[0], zmm[0])
	}
	Label("pixel")
	MOVQ(n, full)
	TESTQ(full, full)
	JZ(operand.LabelRef("tail"))
	Label("full")
	VMOVDQU(indexed(rows[0], at, 1), reg.X0)
	for r := 1; r < 4; r++ {
		VINSERTI32X4(operand.U8(uint8(r)), indexed(rows[r], at, 1), zmm[0], zmm[0])
	}
	transpose()
	VMOVUPS(zmm[0], mem(to, 0))
	ADDQ(operand.Imm(16), at)
	ADDQ(operand.Imm(64), to)
	DECQ(full)
	JNZ(operand.LabelRef("full"))
	Label("tail")
	TESTQ(tail, tail)
	JZ(operand.LabelRef("next"))
	VMOVDQU8_Z(indexed(rows[0], at, 1), reg.K1, reg.X0)
	for r := 1; r < 4; r++ {
		VMOVDQU8_Z(indexed(rows[r], at, 1), reg.K1, reg.X1)
		VINSERTI32X4(operand.U8(uint8(r)), reg.X1, zmm[0], zmm[0])
	}
	transpose()
	VMOVUPS(zmm[0], reg.K1, mem(to, 0))
	ADDQ(tail, at)
	LEAQ(indexed(to, tail, 4), to)
	Label("next")
	ADDQ(gap, at)
	DECQ(pixels)
	JNZ(operand.LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

func (s isa) depthCodes(dwords operand.Mem) {
	s.text("depthQuads", "func(y *uint8, x *uint32, w *int8, taps *int, count int, init *int32, mult *float32, vectors, xStep, yStep int, most float32, zeroPoint, lo uint32)",
		"for v < vectors, l < 16:\n"+
			"\t  acc = init[l]\n"+
			"\t  for t < count: acc += the 4 products of the bytes of x[v*xStep + taps[t] + l] and w[t*16 + l]\n"+
			"\t  y[v*yStep + l] = max(min(round(float32(acc)*mult[l]), most) + zeroPoint, lo)\n\n"+
			"zeroPoint is two words, lo four bytes of the same value. most + zeroPoint is at most 255.")
	w, init, mult, most, zeroPoint, lo, order := zmm[31], zmm[30], zmm[29], zmm[28], zmm[27], zmm[26], zmm[25]
	p := load("init")
	VMOVUPS(mem(p, 0), init)
	p = load("mult")
	VMOVUPS(mem(p, 0), mult)
	VMOVUPS(dwords, order)
	s.broadcast("most", most)
	s.broadcast("zeroPoint", zeroPoint)
	s.broadcast("lo", lo)
	n := AllocLocal(8)
	t := load("vectors")
	MOVQ(t, n)
	y, x, s1, yStep := load("y"), load("x"), loadScaled("xStep", 2), load("yStep")
	steps := newStrides(s1)
	tiles(n, 8, func(size int) {
		for v := range size {
			VMOVAPS(init, zmm[v])
		}
		wp, taps, count := load("w"), load("taps"), load("count")
		Label(label("tap", size))
		base, at := [2]reg.Register{GP64(), GP64()}, GP64()
		MOVQ(mem(taps, 0), at)
		LEAQ(indexed(x, at, 4), base[0])
		LEAQ(indexed(base[0], s1, 1), base[1])
		VMOVUPS(mem(wp, 0), w)
		for v := range size {
			VMOVUPS(steps.pixel(base, v), zmm[8+v])
			VPDPBUSD(w, zmm[8+v], zmm[v])
		}
		ADDQ(operand.Imm(8), taps)
		ADDQ(operand.Imm(64), wp)
		DECQ(count)
		JNZ(operand.LabelRef(label("tap", size)))
		for v := range size {
			VCVTDQ2PS(zmm[v], zmm[v])
			VMULPS(mult, zmm[v], zmm[v])
			VMINPS(most, zmm[v], zmm[v])
			VCVTPS2DQ(zmm[v], zmm[v])
		}
		for first := 0; first < size; first += 4 {
			some := min(4, size-first)
			of := func(i int) reg.VecPhysical { return zmm[first+min(i, some-1)] }
			VPACKSSDW(of(1), of(0), zmm[16])
			VPACKSSDW(of(3), of(2), zmm[17])
			VPADDSW(zeroPoint, zmm[16], zmm[16])
			VPADDSW(zeroPoint, zmm[17], zmm[17])
			VPACKUSWB(zmm[17], zmm[16], zmm[16])
			VPMAXUB(lo, zmm[16], zmm[16])
			VPERMD(zmm[16], order, zmm[16])
			for i := range some {
				VEXTRACTI32X4(operand.U8(uint8(i)), zmm[16], mem(y, 0))
				ADDQ(yStep, y)
			}
		}
		step := GP64()
		IMUL3Q(operand.Imm(uint64(size)), s1, step)
		ADDQ(step, x)
	})
}
