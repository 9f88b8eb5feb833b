package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (s isa) elementwise() {
	v := s.v
	s.text("reluRow", "func(y, x *float32, n int)", "for i < n: y[i] = x[i] > 0 ? x[i] : 0\n\nn is a multiple of 16.")
	a := floats("y", "x")
	s.zero(1)
	s.flat(a, func(h int) {
		VMOVUPS(s.part(a[1], h), v(0))
		VMAXPS(v(1), v(0), v(0))
		VMOVUPS(v(0), s.part(a[0], h))
	}, nothing, nothing)

	s.text("reluGradRow", "func(dx, y, dy *float32, n int)", "for i < n: dx[i] = y[i] > 0 ? dy[i] : 0\n\nn is a multiple of 16.")
	b := floats("dx", "y", "dy")
	s.zero(1)
	s.flat(b, func(h int) {
		if s.wide() {
			VCMPPS(operand.U8(lessThan), s.part(b[1], h), v(1), reg.K1)
			VMOVUPS_Z(s.part(b[2], h), reg.K1, v(0))
		} else {
			VCMPPS(operand.U8(lessThan), s.part(b[1], h), v(1), v(0))
			VANDPS(s.part(b[2], h), v(0), v(0))
		}
		VMOVUPS(v(0), s.part(b[0], h))
	}, nothing, nothing)

	s.text("addRow", "func(y, a, b *float32, n int)", "for i < n: y[i] = a[i] + b[i]\n\nn is a multiple of 16.")
	c := floats("y", "a", "b")
	s.flat(c, func(h int) {
		VMOVUPS(s.part(c[1], h), v(0))
		VADDPS(s.part(c[2], h), v(0), v(0))
		VMOVUPS(v(0), s.part(c[0], h))
	}, nothing, nothing)
}

func (s isa) perChannel() {
	v := s.v
	s.text("affineRow", "func(y, x, a, b *float32, n, channels int)", "for i < n: y[i] = fma(x[i], a[c], b[c])"+cyclicNote)
	p, fa, fb := floats("y", "x"), load("a"), load("b")
	s.cyclic(p, func(h int, off reg.Register) {
		VMOVUPS(s.part(p[1], h), v(0))
		VMOVUPS(s.channel(fa, off, h), v(1))
		VFMADD213PS(s.channel(fb, off, h), v(1), v(0))
		VMOVUPS(v(0), s.part(p[0], h))
	}, nothing)

	s.text("affine2Row", "func(y, dy, x, a, b, d *float32, n, channels int)", "for i < n: y[i] = fma(dy[i], a[c], fma(x[i], b[c], d[c]))"+cyclicNote)
	q, ga, gb, gd := floats("y", "dy", "x"), load("a"), load("b"), load("d")
	s.cyclic(q, func(h int, off reg.Register) {
		VMOVUPS(s.part(q[2], h), v(0))
		VMOVUPS(s.channel(gb, off, h), v(1))
		VFMADD213PS(s.channel(gd, off, h), v(1), v(0))
		VMOVUPS(s.part(q[1], h), v(2))
		VFMADD231PS(s.channel(ga, off, h), v(2), v(0))
		VMOVUPS(v(0), s.part(q[0], h))
	}, nothing)

	s.text("scaleInts", "func(y *float32, acc *int32, scale *float32, n, channels int)", "for i < n: y[i] = float32(acc[i]) * scale[c]"+cyclicNote)
	r, f := floats("y", "acc"), load("scale")
	s.cyclic(r, func(h int, off reg.Register) {
		VCVTDQ2PS(s.part(r[1], h), v(0))
		VMULPS(s.channel(f, off, h), v(0), v(0))
		VMOVUPS(v(0), s.part(r[0], h))
	}, nothing)

	s.requantize()
}

func (s isa) requantize() {
	v := s.v
	if !s.wide() {
		s.text("requantizeRow", "func(codes *uint8, acc *int32, mult *float32, n, channels int, most float32, zeroPoint, least int32)",
			"for i < n: codes[i] = max(round(min(float32(acc[i])*mult[c], most)) + zeroPoint, least)"+cyclicNote+codeBoundsNote)
		codes, acc, mult := stream{load("codes"), 1}, stream{load("acc"), 4}, load("mult")
		bounds := s.codeBounds(v(15), v(14), v(13))
		s.cyclic([]stream{codes, acc}, func(h int, off reg.Register) {
			VCVTDQ2PS(s.part(acc, h), v(h))
			VMULPS(s.channel(mult, off, h), v(h), v(h))
			if bounds.round(v(h)); h == 1 {
				bounds.store(v(0), v(1), mem(codes.base, 0))
			}
		}, nothing)
		return
	}
	s.text("requantizeRow", "func(codes *uint8, acc *int32, mult *float32, n, channels int, zeroPoint, lo, hi float32)",
		"for i < n: codes[i] = min(max(round(float32(acc[i])*mult[c]) + zeroPoint, lo), hi)"+cyclicNote)
	codes, acc, mult := stream{load("codes"), 1}, stream{load("acc"), 4}, load("mult")
	s.broadcast("zeroPoint", v(4))
	s.broadcast("lo", v(5))
	s.broadcast("hi", v(6))
	s.cyclic([]stream{codes, acc}, func(h int, off reg.Register) {
		VCVTDQ2PS(s.part(acc, h), v(0))
		VMULPS(s.channel(mult, off, h), v(0), v(0))
		s.round(v(0), v(0))
		VADDPS(v(4), v(0), v(0))
		VMAXPS(v(5), v(0), v(0))
		VMINPS(v(6), v(0), v(0))
		VCVTPS2DQ(v(0), v(0))
		s.storeBytes(0, nil, s.part(codes, h))
	}, nothing)
}

// channelSums are reductions: some blocks of 16 channels at a time, four or two of them while there are as many, so that
// several sums are in work at once and lines that lie side by side are read together; their sums in registers, over all pixels.
func (s isa) channelSums() {
	emit := func(first, second string, inputs []string, body func(in []operand.Mem, shift, a, b, t reg.VecPhysical)) {
		pixels, channels := AllocLocal(8), load("channels")
		stride := loadScaled("channels", 2)
		t := load("pixels")
		MOVQ(t, pixels)
		TESTQ(t, t)
		JZ(operand.LabelRef("done"))
		SHRQ(operand.U8(4), channels)
		pa, pb, shift := load(first), load(second), load("shift")
		var base []reg.Register
		for _, in := range inputs {
			base = append(base, load(in))
		}
		at, k := make([]reg.Register, len(base)), GP64()
		for i := range at {
			at[i] = GP64()
		}
		most := 4 // blocks that the registers hold
		if !s.wide() {
			most = 2
		}
		for _, blocks := range []int{most, 1} {
			label := func(name string) string { return fmt.Sprint(name, blocks) }
			vectors := blocks * s.parts()
			Label(label("blocks"))
			CMPQ(channels, operand.Imm(uint64(blocks)))
			JLT(operand.LabelRef(label("fewer")))
			for h := range vectors {
				VMOVUPS(mem(pa, h*s.size), s.v(h))
				VMOVUPS(mem(pb, h*s.size), s.v(vectors+h))
				VMOVUPS(mem(shift, h*s.size), s.v(2*vectors+h))
			}
			for i, b := range base {
				MOVQ(b, at[i])
			}
			MOVQ(pixels, k)
			Label(label("pixel"))
			for h := range vectors {
				var in []operand.Mem
				for _, a := range at {
					in = append(in, mem(a, h*s.size))
				}
				body(in, s.v(2*vectors+h), s.v(h), s.v(vectors+h), s.v(3*vectors+h))
			}
			for _, a := range at {
				ADDQ(stride, a)
			}
			DECQ(k)
			JNZ(operand.LabelRef(label("pixel")))
			for h := range vectors {
				VMOVUPS(s.v(h), mem(pa, h*s.size))
				VMOVUPS(s.v(vectors+h), mem(pb, h*s.size))
			}
			for _, r := range append([]reg.Register{pa, pb, shift}, base...) {
				ADDQ(operand.U32(uint32(64*blocks)), r)
			}
			SUBQ(operand.Imm(uint64(blocks)), channels)
			JMP(operand.LabelRef(label("blocks")))
			Label(label("fewer"))
		}
		Label("done")
		VZEROUPPER()
		RET()
	}
	const note = "\n\nchannels is a multiple of 16."
	s.text("momentsRow", "func(sum, squares, x, shift *float32, pixels, channels int)",
		"for p < pixels, c < channels:\n\t  v = x[p*channels+c] - shift[c]\n\t  sum[c] += v; squares[c] = fma(v, v, squares[c])"+note)
	emit("sum", "squares", []string{"x"}, func(in []operand.Mem, shift, a, b, t reg.VecPhysical) {
		VMOVUPS(in[0], t)
		VSUBPS(shift, t, t)
		VADDPS(t, a, a)
		VFMADD231PS(t, t, b)
	})
	s.text("gradSumsRow", "func(sum, dot, dy, x, shift *float32, pixels, channels int)",
		"for p < pixels, c < channels:\n\t  sum[c] += dy[p*channels+c]\n\t  dot[c] = fma(dy[p*channels+c], x[p*channels+c] - shift[c], dot[c])"+note)
	emit("sum", "dot", []string{"dy", "x"}, func(in []operand.Mem, shift, a, b, t reg.VecPhysical) {
		VMOVUPS(in[1], t)
		VSUBPS(shift, t, t)
		VADDPS(in[0], a, a)
		VFMADD231PS(in[0], t, b)
	})
}
