package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const notEqual = 0x04 // NEQ_UQ

func (s isa) sgd() {
	const args = "func(w, v, grad *float32, n int, lr, momentum, decay, clip float32) (done int)"
	const doc = "for i < n:\n\t  d = grad[i]*clip + decay*w[i]; u = momentum*v[i] + d; next = w[i] - lr*%s\n" +
		"\t  v[i] = u; w[i] = next\n\nwith every step rounded, 16 elements at a time, and stops before the first 16 of which a next is not finite.\n" +
		"n is a multiple of 16; it returns how many are done."
	s.text("sgdRow", args, fmt.Sprintf(doc, "u"))
	s.sgdRow(false)
	s.text("sgdNesterovRow", args, fmt.Sprintf(doc, "(d + momentum*u)"))
	s.sgdRow(true)
}

func (s isa) sgdRow(nesterov bool) {
	lr, momentum, decay, clip, zero := s.v(11), s.v(12), s.v(13), s.v(14), s.v(15)
	s.broadcast("lr", lr)
	s.broadcast("momentum", momentum)
	s.broadcast("decay", decay)
	s.broadcast("clip", clip)
	s.zero(15)
	w, v, g, n, done := load("w"), load("v"), load("grad"), load("n"), GP64()
	XORQ(done, done)
	Label("loop")
	CMPQ(done, n)
	JGE(operand.LabelRef("done"))
	// Both halves are computed before either is stored.
	bad := GP32()
	if !s.wide() {
		XORL(bad, bad)
	}
	for h := range s.parts() {
		next, u, t := s.v(4*h), s.v(4*h+1), s.v(4*h+2)
		VMULPS(mem(g, h*s.size), clip, u)
		VMOVUPS(mem(w, h*s.size), next)
		VMULPS(next, decay, t)
		VADDPS(t, u, u) // d
		VMULPS(mem(v, h*s.size), momentum, t)
		d := u
		if nesterov {
			d = s.v(4*h + 3)
			VMOVAPS(u, d)
		}
		VADDPS(u, t, u)
		if nesterov {
			VMULPS(u, momentum, t)
			VADDPS(t, d, t)
			VMULPS(t, lr, t)
		} else {
			VMULPS(u, lr, t)
		}
		VSUBPS(t, next, next)
		VSUBPS(next, next, t) // 0, unless next is NaN or infinite
		if s.wide() {
			VCMPPS(operand.U8(notEqual), zero, t, reg.K1)
			KORTESTW(reg.K1, reg.K1)
			JNZ(operand.LabelRef("done"))
			continue
		}
		VCMPPS(operand.U8(notEqual), zero, t, t)
		m := GP32()
		VMOVMSKPS(t, m)
		ORL(m, bad)
	}
	if !s.wide() {
		TESTL(bad, bad)
		JNZ(operand.LabelRef("done"))
	}
	for h := range s.parts() {
		VMOVUPS(s.v(4*h), mem(w, h*s.size))
		VMOVUPS(s.v(4*h+1), mem(v, h*s.size))
	}
	for _, r := range []reg.Register{w, v, g} {
		ADDQ(operand.Imm(64), r)
	}
	ADDQ(operand.Imm(16), done)
	JMP(operand.LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	Store(done, ReturnIndex(0))
	RET()
}
