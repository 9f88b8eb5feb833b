package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

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
